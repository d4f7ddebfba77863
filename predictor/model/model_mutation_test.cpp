// Many thousand damaged and forged files, the same ones in every run; those that deep checks must catch have
// their hashes made anew. The fuzzer (model_fuzz.cpp) goes on where this ends.
#include <gmock/gmock.h>

#include <map>
#include <random>

#include "predictor/model/signature_store.h"
#include "predictor/model/tensor_file_fixture.h"

namespace tier {
namespace {

class Mutator {
 public:
  std::string mutate(const std::string& bytes) {
    switch (pick(8)) {
      case 0:
        return flip(bytes);
      case 1:
        return bytes.substr(0, pick(bytes.size()));
      case 2:
        return splice(bytes, bytes);
      case 3:
        return with_length(bytes);
      case 4:
        return with_header_text(bytes);
      case 5:
        return with_payload(bytes);
      default:
        return with_json(bytes);
    }
  }

 private:
  std::size_t pick(std::size_t below) { return below == 0 ? 0 : random_() % below; }

  std::string flip(std::string bytes) {
    for (std::size_t flips = 1 + pick(4); flips > 0; --flips)
      bytes[pick(bytes.size())] ^= static_cast<char>(1U << pick(8));
    return bytes;
  }

  // A part of `from` in the place of a part of `into`, of another length.
  std::string splice(std::string into, const std::string& from) {
    const std::string part = from.substr(pick(from.size()), pick(64));
    return into.replace(pick(into.size()), pick(64), part);
  }

  std::string with_length(std::string bytes) {
    const std::uint64_t true_length = take_apart(bytes).header.size();
    const std::uint64_t lengths[] = {0,
                                     1,
                                     true_length - 8,
                                     true_length - 1,
                                     true_length + 1,
                                     bytes.size() - 8,
                                     bytes.size(),
                                     1U << 20,
                                     (1U << 20) + 1,
                                     1ULL << 32,
                                     UINT64_MAX,
                                     random_()};
    const std::uint64_t length = lengths[pick(std::size(lengths))];
    return bytes.replace(0, 8, std::string(reinterpret_cast<const char*>(&length), 8));
  }

  // The header as text: characters, repeated pieces, brackets; its length is right.
  std::string with_header_text(const std::string& bytes) {
    auto [header, payload] = take_apart(bytes);
    if (pick(2) == 0) return assemble(splice(header, header), payload);
    const char* const pieces[] = {"[",
                                  "]",
                                  "{",
                                  "}",
                                  "\"",
                                  ",",
                                  ":",
                                  " ",
                                  "\\u0000",
                                  "1e999",
                                  "\xC3",
                                  "//",
                                  "-",
                                  "\"stem/weights\":{},",
                                  "\"__metadata__\":{},",
                                  "[[[[[[",
                                  "null"};
    for (std::size_t edits = 1 + pick(3); edits > 0; --edits)
      header.insert(pick(header.size()), pieces[pick(std::size(pieces))]);
    return assemble(header, payload);
  }

  // Other values, or other many, under right hashes.
  std::string with_payload(const std::string& bytes) {
    auto [header, payload] = take_apart(bytes);
    const std::uint32_t values[] = {0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0x461C4001, 0xC61C4001,
                                    0x7F7FFFFF, 0x461C4000, 0x00000001, 0x80000000, 0x3F800000};
    const std::uint32_t value = values[pick(std::size(values))];
    const std::string four(reinterpret_cast<const char*>(&value), 4);
    if (payload.empty() || pick(4) == 0)
      payload.insert(pick(payload.size() + 1), four.substr(0, 1 + pick(4)));
    else
      payload.replace(pick(payload.size() / 4) * 4, 4, four);
    return sealed(HeaderJson::parse(header), payload);
  }

  std::string with_json(const std::string& bytes) {
    const auto [text, payload] = take_apart(bytes);
    HeaderJson header = HeaderJson::parse(text);
    for (std::size_t edits = 1 + pick(2); edits > 0; --edits) {
      std::vector<HeaderJson*> nodes;
      collect(header, nodes);
      HeaderJson& node = *nodes[pick(nodes.size())];
      HeaderJson& other = *nodes[pick(nodes.size())];
      if (pick(4) == 0) {
        HeaderJson copy = other;
        node = std::move(copy);
      } else if (node.is_structured() && pick(4) != 0) {
        edit_members(node);
      } else if (node.is_number_unsigned() && pick(2) == 0) {
        node = node.get<std::uint64_t>() + 4 * pick(3) - 4;
      } else {
        node = hostile_value();
      }
    }
    return sealed(std::move(header), payload);
  }

  static void collect(HeaderJson& node, std::vector<HeaderJson*>& nodes) {
    nodes.push_back(&node);
    if (node.is_structured())
      for (HeaderJson& child : node) collect(child, nodes);
  }

  void edit_members(HeaderJson& node) {
    if (node.is_array()) {
      if (node.size() > 1 && pick(2) == 0)
        std::swap(node[0], node[1]);
      else if (!node.empty() && pick(2) == 0)
        node.erase(pick(node.size()));
      else
        node.push_back(hostile_value());
      return;
    }
    const char* const keys[] = {"dtype",     "shape",   "data_offsets",  "",
                                "extra",     "scale",   "xxh3_128.none", "format_version",
                                "tab\there", "\x1B[2J", "signatures",    "model_sha256"};
    if (node.empty() || pick(2) == 0) {
      node[keys[pick(std::size(keys))]] = hostile_value();
      return;
    }
    auto victim = node.begin();
    std::advance(victim, pick(node.size()));
    HeaderJson moved = victim.value();
    node.erase(victim);
    if (pick(2) == 0) node[keys[pick(std::size(keys))]] = std::move(moved);
  }

  HeaderJson hostile_value() {
    const HeaderJson values[] = {nullptr,
                                 true,
                                 -1,
                                 0,
                                 1,
                                 2,
                                 3,
                                 4,
                                 1.5,
                                 24,
                                 1U << 31,
                                 1ULL << 32,
                                 1ULL << 62,
                                 UINT64_MAX,
                                 "",
                                 "F32",
                                 "F64",
                                 "1",
                                 "2",
                                 "a text",
                                 std::string(300, 'x'),
                                 "7 8",
                                 "00000000000000ff 0",
                                 HeaderJson::array(),
                                 HeaderJson::object(),
                                 {1ULL << 32, 1ULL << 32},
                                 {1, 2, 3},
                                 {0, 24},
                                 {24, 0},
                                 {{{{1}}}}};
    return values[pick(std::size(values))];
  }

  std::mt19937_64 random_{20240229};
};

using Promise = std::string (*)(const std::string&, std::string*);

// How often each refusal came, by its text from the file's name to the fix; "" counts what was accepted.
std::map<std::string, int> refusals(const std::vector<std::string>& seeds, int mutants, Promise promise) {
  Mutator mutator;
  std::map<std::string, int> counts;
  for (int i = 0; i < mutants; ++i) {
    const std::string bytes = mutator.mutate(seeds[static_cast<std::size_t>(i) % seeds.size()]);
    std::string refusal;
    EXPECT_EQ(promise(bytes, &refusal), "") << "mutant " << i;
    if (testing::Test::HasFailure()) return counts;
    ++counts[refusal];
  }
  return counts;
}

int matching(const std::map<std::string, int>& counts, const std::string& part) {
  int sum = 0;
  for (const auto& [text, count] : counts)
    if (text.find(part) != std::string::npos) sum += count;
  return sum;
}

TensorFile single_tensor() { return {{{"a", "b"}}, {{"w", {2}, {1, 2}}}}; }

TEST(ModelMutation, NoMutantBreaksTheParser) {
  const auto counts =
      refusals({write_tensor_file(sample_tensor_file()), write_tensor_file(single_tensor())}, 24000,
               [](const std::string& bytes, std::string* refusal) { return broken_promise(bytes, refusal); });
  EXPECT_GE(counts.count("") != 0 ? counts.at("") : 0, 500) << "too few were accepted to mean anything";
  for (const char* reason : {"ends within its header",
                             "claims",
                             "not a JSON object",
                             "nested too deeply",
                             "twice",
                             "no metadata",
                             "is not a text",
                             "no format version",
                             "has format version",
                             "is not named",
                             "described by",
                             "dtype F32",
                             "whole numbers",
                             "no list",
                             "two data_offsets",
                             "ends before it begins",
                             "overlaps",
                             "gap",
                             "beyond the end",
                             "dimension of 0",
                             "more values than",
                             "offsets of",
                             "follow its last",
                             "match its XXH3",
                             "header does not match",
                             "tensors that are not there",
                             "not finite",
                             "beyond 10000"})
    EXPECT_GE(matching(counts, reason), 5) << reason;
}

TEST(ModelMutation, NoMutantBreaksTheStore) {
  SignatureStore full("a model"), single("a model"), empty("a model");
  for (std::uint64_t i = 0; i < 3; ++i) ASSERT_TRUE(full.put({i << 60U, {1, 2}, 1700000000, 0.25F}));
  ASSERT_TRUE(single.put({7, {1}, 1700000000, 0.25F}));  // many changes of its shapes leave as many values
  const auto counts = refusals(
      {full.save(), single.save(), empty.save()}, 20000,
      [](const std::string& bytes, std::string* refusal) { return broken_store_promise(bytes, refusal); });
  EXPECT_GE(counts.count("") != 0 ? counts.at("") : 0, 250) << "too few were accepted to mean anything";
  for (const char* reason :
       {"hexadecimal", "times are not", "not one of workload", "vectors are not one", "gains are not"})
    EXPECT_GE(matching(counts, reason), 3) << reason;
}

}  // namespace
}  // namespace tier
