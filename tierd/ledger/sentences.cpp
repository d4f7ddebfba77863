#include "tierd/ledger/sentences.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "tierd/words/words.h"

namespace tier {
namespace {

// What became of a decision, as the beginning of a sentence: "At tick 7 it was moved".
std::string fate_words(const Decision& decision) {
  const std::string at = fmt::format("At tick {} ", decision.planned.value);
  if (decision.declined) return at + "a move was declined:";
  if (decision.imagined) return at + "tierd would have moved it, had it been allowed to act,";
  if (!decision.report) return at + "it was decided to move it, which is under way,";
  switch (decision.report->fate) {
    case MoveFate::kMoved:
      if (decision.report->pages.moved == 0 && decision.report->pages.already_there > 0)
        return at + "nothing moved, since all its pages were there already,";
      return at + "it was moved";
    case MoveFate::kPartly:
      return at + "a part of it was moved";
    case MoveFate::kFailed:
      return at + "the kernel did not move it";
    case MoveFate::kStale:
      return at + "it was not moved, since the plan was out of date by then,";
    case MoveFate::kCancelled:
      return at + "a move was cancelled";
    case MoveFate::kTargetGone:
      return at + "it was not moved, since its process had ended,";
  }
  return at + "it was decided to move it";
}

const char* verdict_words(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPending:
      return "it is not judged yet";
    case Verdict::kUseful:
      return "it was useful";
    case Verdict::kWasted:
      return "it was wasted";
    case Verdict::kHarmful:
      return "it did harm";
    case Verdict::kVoid:
      return "it had no effect";
    case Verdict::kUnknown:
      break;
  }
  return "it ended too soon to tell";
}

constexpr Nanoseconds kTold{5};  // of other programs' waiting; less is within what latencies are measured to

}  // namespace

std::string sentences(const Decision& decision) {
  const MigrationRequest& request = decision.request;
  const MoveRationale& why = request.why;
  std::string text = fmt::format("{} from node {} to node {} ({}).", fate_words(decision), request.from.value,
                                 request.to.value, to_string(request.reason));
  text += fmt::format(
      " The forecast was {} accesses a second ({} to {}) over {}, at {} ns on node {} and {} ns on node {}.",
      count_text(why.forecast.mean), count_text(why.forecast.low), count_text(why.forecast.high),
      seconds_text(seconds(why.horizon)), why.latency_from.count(), request.from.value,
      why.latency_to.count(), request.to.value);
  if (std::abs(why.relieved.count()) >= kTold.count())
    text += fmt::format(" For each of them others would wait {} ns {} for memory.",
                        std::abs(why.relieved.count()), why.relieved.count() > 0 ? "less" : "longer");
  text += fmt::format(" The move was expected to save {} and to cost {}.",
                      seconds_text(request.benefit.value), seconds_text(request.cost.value));
  if (why.partner != 0)
    text += fmt::format(" It {} the region at {:#x}, which is worth {}.",
                        request.promotion ? "displaced" : "was displaced by", why.beaten.start,
                        seconds_text(why.beaten_value.value));
  if (request.reason == MoveReason::kHeadroom)
    text += why.beaten_value.value > 0
                ? fmt::format(" It makes room for new memory, which is expected to be worth {} in its place.",
                              seconds_text(why.beaten_value.value))
                : " It was next to unused, and some room is kept free.";
  return text + fmt::format(" So far it {} {} and {} {}; {}.",
                            decision.declined || decision.imagined ? "would have saved" : "has saved",
                            seconds_text(decision.realised_benefit.value),
                            decision.declined || decision.imagined ? "would have cost" : "has cost",
                            seconds_text(decision.realised_cost.value), verdict_words(decision.verdict));
}

}  // namespace tier
