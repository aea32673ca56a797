#include "cli/progress_bar.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "cli/events.h"

namespace cprobe {
namespace {

using std::chrono::steady_clock;

constexpr auto kTerminalPeriod = std::chrono::milliseconds(100);
constexpr auto kEventPeriod = std::chrono::seconds(1);
constexpr auto kLogPeriod = std::chrono::minutes(1);
constexpr size_t kBarWidth = 24;

size_t terminal_width() {
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

std::string bar(const Progress& progress) {
  const auto filled = static_cast<size_t>(progress.share() * static_cast<double>(kBarWidth));
  return fmt::format("[{:<{}}] ", std::string(filled, '='), kBarWidth);
}

steady_clock::duration period_of(bool terminal) {
  if (speaks_json()) return kEventPeriod;
  return terminal ? steady_clock::duration(kTerminalPeriod) : kLogPeriod;
}

void print_progress_event(const Progress& progress, double elapsed) {
  nlohmann::ordered_json event = {
      {"event", "progress"}, {"label", progress.what}, {"share", progress.share()}, {"seconds_left", nullptr}};
  const double share = progress.share();
  if (share > 0) event["seconds_left"] = elapsed * (1 - share) / share;
  if (!progress.note.empty()) event["note"] = progress.note;
  print_event(event);
}

}  // namespace

ProgressBar::ProgressBar() : terminal_(isatty(STDERR_FILENO) == 1 && !speaks_json()) {}

void ProgressBar::show(const Progress& progress) {
  const auto now = steady_clock::now();
  if (progress.what != progress_.what || (progress.done == 0 && progress_.done > 0)) {
    clear();
    progress_.note.clear();
    start_ = shown_ = now;
  }
  std::string note = progress.note.empty() ? progress_.note : progress.note;
  progress_ = progress;
  progress_.done = std::min(progress.done, progress.total);
  progress_.note = std::move(note);
  if (now - shown_ < period_of(terminal_)) return;
  shown_ = now;
  const double elapsed = std::chrono::duration<double>(shown_ - start_).count();
  if (speaks_json()) return print_progress_event(progress_, elapsed);
  const std::string text = progress_text(progress_, elapsed);
  if (terminal_) {
    // Cut to one line, because a wrapped line could not be overwritten.
    const std::string line = (bar(progress_) + text).substr(0, terminal_width() - 1);
    std::fputs(fmt::format("\r\033[K{}", line).c_str(), stderr);
    is_drawn_ = true;
  } else {
    std::fputs(fmt::format("{}\n", text).c_str(), stderr);
  }
  std::fflush(stderr);
}

void ProgressBar::clear() {
  if (is_drawn_) std::fputs("\r\033[K", stderr);
  is_drawn_ = false;
}

void ProgressBar::print_line(const std::string& text) {
  clear();
  say_line(text);
}

OnProgress ProgressBar::on_progress() {
  return [this](const Progress& progress) { show(progress); };
}

OnMessage ProgressBar::on_message(bool with_notes) {
  return [this, with_notes](const Message& message) {
    if (!with_notes && message.kind == Message::Kind::kNote) return;
    speaks_json() ? say(message.kind, message.text) : print_line(message.text);
  };
}

std::string progress_text(const Progress& progress, double elapsed) {
  const auto& [what, done, total, note, is_counted] = progress;
  std::string text = fmt::format("{}: {}%", what, 100 * done / total);
  if (is_counted) text += fmt::format(" ({}/{})", done, total);
  if (done > 0 && elapsed > 0) {
    const double rate = static_cast<double>(done) / elapsed;
    if (is_counted) text += fmt::format(", {:.{}f}/s", rate, rate < 100 ? 1 : 0);
    text += fmt::format(", {} left", format_duration(static_cast<double>(total - done) / rate));
  }
  if (!note.empty()) text += ", " + note;
  return text;
}

std::string format_duration(double seconds) {
  if (!(seconds >= 0 && seconds < 1e15)) return "unknown time";
  if (seconds < 9.95) return fmt::format("{:.1f}s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  const int64_t minutes = (whole + 30) / 60;
  if (minutes < 24 * 60) return fmt::format("{}h {:02}m", minutes / 60, minutes % 60);
  const int64_t hours = (whole + 1800) / 3600;
  return fmt::format("{}d {:02}h", hours / 24, hours % 24);
}

}  // namespace cprobe
