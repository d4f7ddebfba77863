// Bounds of numbers on the command line, told in few digits: CLI11's own write the largest double out, in
// 309.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <string>

#include "core/printable.h"

namespace tier {

// Accepts a finite number from `low` to `high`, nothing before or after it.
inline CLI::Validator number_from(double low, double high) {
  return {[low, high](const std::string& text) -> std::string {
            double value = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
            const bool number = error == std::errc{} && end == text.data() + text.size();
            if (number && std::isfinite(value) && value >= low && value <= high) return {};
            return fmt::format("\"{}\" is not a number from {} to {}", escaped_short(text), low, high);
          },
          fmt::format("from {} to {}", low, high)};
}

}  // namespace tier
