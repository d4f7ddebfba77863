// Prefetch control as canned views: two cores of which one gains, a disk, and what is not tuned.
#include "tierd/control/fake_backend.h"

namespace tier {
namespace {

PrefetchControlView fake_core() {
  return {.name = "core 3",
          .actuator = "hardware",
          .scope = "core",
          .setting = "l2-off",
          .settings = {"default", "l2-off", "all-off"},
          .context = "random, slow tier busy",
          .reason = "it gains: without it the slow tier carries what nobody asked for",
          .gain = 0.032,
          .gain_low = 0.011,
          .gain_high = 0.053,
          .transitions = 14};
}

std::vector<PrefetchRefusalView> fake_refusals() {
  std::vector<PrefetchRefusalView> refused;
  for (int core = 8; core < 72; ++core)
    refused.push_back({"core " + std::to_string(core),
                       "unknown CPU (GenuineIntel family 6 model 0xff): it is observed only"});
  refused.push_back({"core 72", "register 0x1a4 of CPU 144: the CPU is offline"});
  refused.push_back({"sdb", "not named in prefetch.devices"});
  refused.push_back({"sdc", "not named in prefetch.devices"});
  refused.push_back({"swap", "none is in use"});
  return refused;
}

PrefetchWriteView fake_write(const std::string& setting, const std::string& before, const std::string& after,
                             const std::string& fate) {
  return {"register 0x1a4 of CPU 3", "core 3", setting, before, after, fate};
}

}  // namespace

Result<PrefetchView> FakeBackend::prefetch(const Caller&) {
  PrefetchView view;
  view.state = prefetch_state;
  view.armed = {"hardware", "readahead", "advice"};
  view.note = "frozen: pages are moving";
  view.journal = "/run/tierd/prefetch.journal";
  view.decisions = 3600, view.undecided = 12;
  view.writes = 96, view.transitions = 24;
  view.progress = 3.25e9, view.progress_signal = "instructions";
  PrefetchControlView disk{.name = "sda",
                           .actuator = "readahead",
                           .scope = "device",
                           .setting = "default",
                           .settings = {"default", "0-kib", "512-kib"},
                           .context = "sequential",
                           .reason = "nothing that was tried gains",
                           .gain = {},
                           .gain_low = {},
                           .gain_high = {},
                           .transitions = 2};
  PrefetchControlView loser = fake_core();
  loser.name = "core 4", loser.setting = "all-off", loser.reason = "being tried";
  loser.gain = -0.25, loser.gain_low = -0.3, loser.gain_high = 0.004, loser.transitions = 8;
  view.controls = {fake_core(), loser, disk};
  view.refused = fake_refusals();
  view.meters = {{"papi", true, "instructions and cycles of 8 CPUs"},
                 {"pcm", false, "prefetch.pcm names no server"}};
  view.signals = {{"instructions", 3.25e9, 0}, {"memory-read", std::nullopt, 7}};
  view.advice = {true, 4096, 1536U << 20, 1024U << 20, 1280U << 20, 0.8, "asks for what will be wanted next"};
  return view;
}

Result<PrefetchExplainView> FakeBackend::prefetch_explain(const Caller&, const PrefetchExplainQuery& query) {
  if (query.control != "core 3")
    return fail(ErrorKind::kFailed, "no control is called \"" + query.control + "\"",
                "`tierctl prefetch status` lists them");
  PrefetchExplainView view;
  view.control = fake_core();
  view.arms = {{"default", 0, 0, 0, 310.5},
               {"l2-off", 0.032, 0.011, 0.053, 120},
               {"all-off", -0.08, -0.12, -0.04, 18.25},
               {"l1-off", std::nullopt, std::nullopt, std::nullopt, 0}};
  view.decisions = {{3590, "default", "l2-off", "it gains in this context"},
                    {3400, "all-off", "default", "it lost"}};
  view.writes = {fake_write("l2-off", "0x0", "0x3", "written"),
                 fake_write("default", "0xf", "0x0", "restored")};
  return view;
}

Result<PrefetchWritesView> FakeBackend::prefetch_arm(const Caller& caller, bool dry_run) {
  control_calls.push_back(caller);
  PrefetchWritesView view;
  if (!dry_run) prefetch_state = "armed";
  view.state = prefetch_state;
  view.dry_run = dry_run;
  if (dry_run)
    view.writes = {fake_write("l2-off", "0x0", "0x3", "would be written"),
                   fake_write("all-off", "0x0", "0xf", "would be written")};
  view.refused = fake_refusals();
  return view;
}

Result<PrefetchWritesView> FakeBackend::prefetch_disarm(const Caller& caller) {
  prefetch_state = "disarmed";
  return prefetch_restore(caller);
}

Result<PrefetchWritesView> FakeBackend::prefetch_restore(const Caller& caller) {
  control_calls.push_back(caller);
  PrefetchWritesView view;
  view.state = prefetch_state;
  view.writes = {{"register 0x1a4 of CPU 3", "core 3", "default", "0x3", "0x0", "restored"},
                 {"read-ahead of block device 8:0", "sda", "default", "512", "128",
                  restore_fails ? "failed" : "restored"}};
  return view;
}

}  // namespace tier
