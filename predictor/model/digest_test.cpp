#include "predictor/model/digest.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

std::string xxh3(const std::string& text) { return xxh3_128_hex(std::as_bytes(std::span(text))); }

// FIPS 180-4's own examples.
TEST(Digest, Sha256IsTheStandards) {
  EXPECT_EQ(sha256_hex(std::string()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex(std::string("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// As `xxhsum -H2` prints them.
TEST(Digest, Xxh3IsXxhsums) {
  EXPECT_EQ(xxh3(""), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(xxh3("abc"), "06b05ab6733a618578af5f94892f3950");
}

}  // namespace
}  // namespace tier
