#include "tools/tier-sim/gnuplot.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

namespace tier::sim {

namespace fs = std::filesystem;

std::string gnuplot_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const bool control = static_cast<unsigned char>(c) < ' ' || c == 0x7f;
    if (c == '"' || c == '\\') out += '\\';
    // Gnuplot hands what stands between backquotes to a shell, also within a string.
    out += c == '\n' ? std::string("\\n") : std::string(1, control ? '?' : c == '`' ? '\'' : c);
  }
  return out + "\"";
}

std::string picture_header(const fs::path& picture, int width, int height) {
  const bool png = picture.extension() == ".png";
  return fmt::format("set terminal {} size {},{} noenhanced font \"sans,11\"\nset output {}\n",
                     png ? "pngcairo" : "svg background \"white\"", width, height,
                     gnuplot_text(picture.string()));
}

Result<void> draw_picture(const std::string& script, const fs::path& picture) {
  if (picture.extension() != ".svg" && picture.extension() != ".png")
    return fail(ErrorKind::kUsage, picture.string() + ": pictures are .svg or .png", "choose one of the two");
  const fs::path file = picture.string() + ".gnuplot";
  {
    std::ofstream out(file);
    out << script;
    if (!out.flush()) return fail(ErrorKind::kFailed, "cannot write " + file.string());
  }
  if (std::system("command -v gnuplot >/dev/null") != 0)
    return fail(ErrorKind::kUnsupported, "gnuplot is missing; the script lies in " + file.string(),
                "apt-get install gnuplot-nox");
  // The name is quoted for the shell: nothing in it is interpreted.
  std::string name;
  for (const char c : file.string()) name += c == '\'' ? std::string("'\\''") : std::string(1, c);
  if (std::system(("gnuplot '" + name + "'").c_str()) != 0)
    return fail(ErrorKind::kFailed, "gnuplot did not draw " + picture.string(),
                "its script is " + file.string());
  std::error_code ignored;
  fs::remove(file, ignored);
  return {};
}

}  // namespace tier::sim
