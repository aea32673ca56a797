#include "cprobe/run/cluster/rank_workers.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/run/cluster/finished_message.h"

namespace cprobe {
namespace {

using std::chrono::steady_clock;
using Json = nlohmann::json;

constexpr auto kPoll = std::chrono::milliseconds(1);
constexpr auto kSignOfLife = std::chrono::seconds(1);
constexpr double kStartTimeout = 3600;  // seconds: to load a model, and to measure with it, may take long

// What messages are about; every one is a CBOR object with this as "kind".
constexpr const char* kStart = "start";    // to a rank: parallelism
constexpr const char* kGive = "give";      // to a rank: thread, cell
constexpr const char* kEnd = "end";        // to a rank
constexpr const char* kAlive = "";         // both ways: an empty message, every second
constexpr const char* kReport = "report";  // to rank 0: thread, cell, what
constexpr const char* kUnfit = "unfit";    // to rank 0: text

std::string encoded(const Json& message) {
  std::string bytes;
  Json::to_cbor(message, bytes);
  return bytes;
}

Json decoded(const std::string& bytes) {
  return bytes.empty() ? Json({{"kind", kAlive}}) : Json::from_cbor(bytes);
}

Json message_of(const WorkerReport& report) {
  Json message = {{"kind", kReport},         {"what", static_cast<int>(report.kind)},
                  {"thread", report.worker}, {"cell", report.cell},
                  {"share", report.share},   {"text", report.text}};
  if (report.kind == WorkerReport::Kind::kComputed) message["finished"] = to_json(report.finished);
  return message;
}

/// @param first the number of the rank's first worker.
WorkerReport report_of(const Json& message, size_t first) {
  WorkerReport report{.kind = static_cast<WorkerReport::Kind>(message.at("what").get<int>()),
                      .worker = first + message.at("thread").get<size_t>(),
                      .cell = message.at("cell").get<size_t>(),
                      .share = message.at("share").get<double>(),
                      .text = message.at("text").get<std::string>()};
  if (message.contains("finished")) report.finished = finished_of(message.at("finished"));
  return report;
}

/// When somebody was last heard of.
class Silence {
 public:
  /// @param timeout seconds, once something was heard.
  explicit Silence(double timeout) : timeout_(timeout) {}
  void hear() {
    heard_ = steady_clock::now();
    has_heard_ = true;
  }
  void restart() { heard_ = steady_clock::now(); }
  bool is_long() const {
    const double seconds = std::chrono::duration<double>(steady_clock::now() - heard_).count();
    return seconds > (has_heard_ ? timeout_ : kStartTimeout);
  }

 private:
  double timeout_;
  bool has_heard_ = false;
  steady_clock::time_point heard_ = steady_clock::now();
};

/// Whether a second has passed since the last time that it had.
class EverySecond {
 public:
  bool is_over() {
    const auto now = steady_clock::now();
    if (now - last_ < kSignOfLife) return false;
    last_ = now;
    return true;
  }

 private:
  steady_clock::time_point last_ = steady_clock::now();
};

/// Whether this process did nothing for long between two calls, as when the job was suspended: then nobody else was heard
/// either, and silence means nothing.
class Suspension {
 public:
  bool is_over() {
    const auto now = steady_clock::now();
    return now - std::exchange(last_, now) > 3 * kSignOfLife;
  }

 private:
  steady_clock::time_point last_ = steady_clock::now();
};

class RankWorkers : public Workers {
 public:
  RankWorkers(Ranks& ranks, int n_jobs, double timeout, OnMessage on_message)
      : ranks_(ranks),
        n_jobs_(static_cast<size_t>(n_jobs)),
        silence_(static_cast<size_t>(ranks.count()), Silence(timeout)),
        lost_(static_cast<size_t>(ranks.count())),
        say_alive_(sign_of_life(ranks)),
        on_message_(std::move(on_message)) {}

  ~RankWorkers() override {
    for (int rank = 1; rank < ranks_.count(); ++rank) ranks_.send(rank, encoded({{"kind", kEnd}}));
  }

  size_t count() const override { return (silence_.size() - 1) * n_jobs_; }

  void give(size_t worker, size_t cell) override {
    busy_.insert(worker);
    ranks_.send(static_cast<int>(1 + worker / n_jobs_),
                encoded({{"kind", kGive}, {"thread", worker % n_jobs_}, {"cell", cell}}));
  }

  std::vector<WorkerReport> reports(std::chrono::milliseconds wait) override {
    std::vector<WorkerReport> reports;
    const auto until = steady_clock::now() + wait;
    while (true) {
      hear();
      hand_on(reports);
      if (!reports.empty() || steady_clock::now() >= until) break;
      std::this_thread::sleep_for(kPoll);
    }
    say_alive_();
    if (suspension_.is_over()) {
      for (Silence& silence : silence_) silence.restart();
    }
    for (int rank = 1; rank < ranks_.count(); ++rank) {
      const bool has_spoken = std::ranges::find(heard_, rank, &Heard::first) != heard_.end();
      if (!has_spoken && silence_[static_cast<size_t>(rank)].is_long()) {
        lose(rank, "has not been heard of for too long", reports);
      }
    }
    return reports;
  }

 private:
  using Heard = std::pair<int, std::string>;  ///< A rank and its message.

  void hear() {
    while (std::optional<Heard> received = ranks_.receive()) {
      silence_[static_cast<size_t>(received->first)].hear();
      heard_.push_back(std::move(*received));
    }
  }

  /// What was heard, in order, up to the first result: to record one takes time, in which the ranks must hear that rank 0
  /// lives, and it them.
  void hand_on(std::vector<WorkerReport>& reports) {
    while (!heard_.empty()) {
      const Heard heard = std::move(heard_.front());
      heard_.pop_front();
      take(heard.first, heard.second, reports);
      if (!reports.empty() && reports.back().kind == WorkerReport::Kind::kComputed) return;
    }
  }

  void take(int rank, const std::string& bytes, std::vector<WorkerReport>& reports) {
    const auto number = static_cast<size_t>(rank);
    const size_t first = (number - 1) * n_jobs_;
    const Json message = decoded(bytes);
    if (message.at("kind") == kUnfit) return lose(rank, message.at("text").get<std::string>(), reports);
    if (lost_[number]) {
      // It was only slow. Threads that have a cell come back when they report it.
      for (size_t worker = first; worker < first + n_jobs_; ++worker) {
        if (!busy_.contains(worker) && !gone_.contains(worker)) {
          reports.push_back({.kind = WorkerReport::Kind::kReady, .worker = worker});
        }
      }
      lost_[number] = false;
    }
    if (message.at("kind") != kReport) return;
    reports.push_back(report_of(message, first));
    const WorkerReport& report = reports.back();
    if (report.kind != WorkerReport::Kind::kProgress) busy_.erase(report.worker);
    if (report.kind == WorkerReport::Kind::kLost) gone_.insert(report.worker);
  }

  void lose(int rank, const std::string& why, std::vector<WorkerReport>& reports) {
    const auto number = static_cast<size_t>(rank);
    if (lost_[number]) return;
    lost_[number] = true;
    tell(on_message_, {Message::Kind::kWarning, fmt::format("rank {}: {}; the others go on without it", rank, why)});
    for (size_t thread = 0; thread < n_jobs_; ++thread) {
      reports.push_back({.kind = WorkerReport::Kind::kLost, .worker = (number - 1) * n_jobs_ + thread});
    }
  }

  Ranks& ranks_;
  size_t n_jobs_;
  std::vector<Silence> silence_;  ///< By rank.
  std::vector<bool> lost_;
  std::set<size_t> busy_;    ///< Workers that were given a cell and have not reported it.
  std::set<size_t> gone_;    ///< Workers that said themselves that they cannot go on.
  std::deque<Heard> heard_;  ///< And not yet handed on.
  std::function<void()> say_alive_;
  OnMessage on_message_;
  Suspension suspension_;
};

}  // namespace

std::function<void()> sign_of_life(Ranks& ranks) {
  return [&ranks, second = EverySecond()]() mutable {
    if (!second.is_over()) return;
    for (int rank = 1; rank < ranks.count(); ++rank) ranks.send(rank, kAlive);
  };
}

void start_ranks(Ranks& ranks, const RankStart& start) {
  for (int rank = 1; rank < ranks.count(); ++rank) {
    ranks.send(rank, encoded({{"kind", kStart},
                              {"jobs", start.parallelism.n_jobs},
                              {"threads", start.parallelism.n_threads},
                              {"plan", start.plan},
                              {"has_work", start.has_work}}));
  }
}

RankStart wait_for_start(Ranks& ranks) {
  Silence silence(kStartTimeout);
  while (!silence.is_long()) {
    stop_if_interrupted();
    if (const auto received = ranks.receive()) {
      silence.hear();
      const Json message = decoded(received->second);
      if (message.at("kind") == kEnd) return {.has_work = false};
      if (message.at("kind") == kStart) {
        return {{message.at("jobs").get<int>(), message.at("threads").get<int>()},
                message.at("plan").get<std::string>(),
                message.at("has_work").get<bool>()};
      }
    }
    std::this_thread::sleep_for(kPoll);
  }
  throw Error(ErrorKind::kInterrupted, "rank 0 is gone");
}

std::unique_ptr<Workers> rank_workers(Ranks& ranks, int n_jobs, double timeout, const OnMessage& on_message) {
  return std::make_unique<RankWorkers>(ranks, n_jobs, timeout, on_message);
}

void serve(Ranks& ranks, Workers& threads, double timeout) {
  Silence silence(timeout);
  EverySecond sign_of_life;
  Suspension suspension;
  std::map<size_t, WorkerReport> progress;  // The latest, by thread: rank 0 wants no more than one a second.
  while (!interrupted()) {
    while (const auto received = ranks.receive()) {
      silence.hear();
      const Json message = decoded(received->second);
      if (message.at("kind") == kEnd) return;
      if (message.at("kind") != kGive) continue;
      threads.give(message.at("thread"), message.at("cell"));
    }
    for (WorkerReport& report : threads.reports(kPoll)) {
      if (report.kind == WorkerReport::Kind::kStopped) continue;  // as rank 0 will see itself
      if (report.kind == WorkerReport::Kind::kProgress) {
        progress[report.worker] = std::move(report);
        continue;
      }
      progress.erase(report.worker);
      try {
        ranks.send(0, encoded(message_of(report)));
      } catch (const Error& error) {  // it is too large
        report.kind = WorkerReport::Kind::kFailed;
        report.text = error.what();
        ranks.send(0, encoded(message_of(report)));
      }
    }
    if (sign_of_life.is_over()) {
      for (const auto& [thread, report] : std::exchange(progress, {})) ranks.send(0, encoded(message_of(report)));
      ranks.send(0, kAlive);
    }
    if (suspension.is_over()) silence.restart();
    if (silence.is_long()) throw Error(ErrorKind::kInterrupted, "rank 0 is gone");
  }
}

void report_unfit(Ranks& ranks, const std::string& problem) {
  ranks.send(0, encoded({{"kind", kUnfit}, {"text", problem}}));
}

}  // namespace cprobe
