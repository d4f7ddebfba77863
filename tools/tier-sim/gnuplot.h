// Runs gnuplot.
#pragma once

#include <filesystem>
#include <string>

#include "core/result.h"

namespace tier::sim {

// One of gnuplot's double-quoted strings. Names of processes and files may hold anything: what gnuplot would
// act on is replaced.
std::string gnuplot_text(const std::string& text);

// What a script begins with: terminal by the name's end, size in pixels, file.
std::string picture_header(const std::filesystem::path& picture, int width, int height);

// `picture`: .svg or .png, as in the script's header. kUsage for another; kUnsupported without gnuplot,
// kFailed where it drew nothing: both leave the script beside the picture.
Result<void> draw_picture(const std::string& script, const std::filesystem::path& picture);

}  // namespace tier::sim
