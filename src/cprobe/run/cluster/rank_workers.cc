#include "cprobe/run/cluster/rank_workers.h"

#include <algorithm>
#include <chrono>
#include <deque>
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
// Seconds. Loading a model, and measuring with the model, may take long.
constexpr double kStartTimeout = 3600;

// Kinds of messages: the value of "kind" in a message, which is a CBOR object. The comments name
// the receiver and the other fields.
constexpr const char* kStart = "start";    // To other ranks: jobs, threads, plan, has_work.
constexpr const char* kGive = "give";      // To another rank: thread, cell.
constexpr const char* kEnd = "end";        // To other ranks.
constexpr const char* kAlive = "";         // To all ranks, every second: an empty message.
constexpr const char* kReport = "report";  // To rank 0: the fields of a WorkerReport.
constexpr const char* kUnfit = "unfit";    // To rank 0: text.

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

/// The report in a message of a rank. @param first  number of the rank's first worker.
WorkerReport report_of(const Json& message, size_t first) {
  WorkerReport report{.kind = static_cast<WorkerReport::Kind>(message.at("what").get<int>()),
                      .worker = first + message.at("thread").get<size_t>(),
                      .cell = message.at("cell"),
                      .share = message.at("share"),
                      .text = message.at("text")};
  if (message.contains("finished")) report.finished = finished_of(message.at("finished"));
  return report;
}

/// How long another process has been silent.
class Silence {
 public:
  /// @param timeout  seconds of silence that are too long. Before the first message: kStartTimeout.
  explicit Silence(double timeout) : timeout_(timeout) {}
  void hear() {
    restart();
    limit_ = timeout_;
  }
  void restart() { heard_ = steady_clock::now(); }
  bool is_long() const { return std::chrono::duration<double>(steady_clock::now() - heard_).count() > limit_; }

 private:
  double timeout_;
  double limit_ = kStartTimeout;  ///< Seconds of silence that are too long now.
  steady_clock::time_point heard_ = steady_clock::now();
};

/// A clock for actions once a second: is_over() is true at most once in kSignOfLife.
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

/// Detects that this process was suspended, as a job can be: is_over() is true if more than 3
/// seconds have passed since its last call. Silence of other processes then means nothing.
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
  using Heard = std::pair<int, std::string>;  ///< A rank, and a message of that rank.

  /// Receives all messages that have arrived.
  void hear() {
    while (std::optional<Heard> received = ranks_.receive()) {
      silence_[static_cast<size_t>(received->first)].hear();
      heard_.push_back(std::move(*received));
    }
  }

  /// Turns received messages into reports, in order, up to the first computed cell. Recording a
  /// cell takes time; before the next, rank 0 must hear the other ranks and show that rank 0 is
  /// alive.
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
    if (message.at("kind") == kUnfit) return lose(rank, message.at("text"), reports);
    if (lost_[number]) {
      // The rank was only slow. Threads that have a cell become ready when they report the cell.
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
  std::vector<bool> lost_;        ///< By rank.
  std::set<size_t> busy_;         ///< Workers that have a cell and have not reported its end.
  std::set<size_t> gone_;         ///< Workers that reported that they cannot go on.
  std::deque<Heard> heard_;       ///< Messages that `hand_on` has not turned into reports.
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
        return {{message.at("jobs"), message.at("threads")}, message.at("plan"), message.at("has_work")};
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
  // The latest progress, by thread. Rank 0 is sent one report of progress a second, of each thread.
  std::map<size_t, WorkerReport> progress;
  while (!interrupted()) {
    while (const auto received = ranks.receive()) {
      silence.hear();
      const Json message = decoded(received->second);
      if (message.at("kind") == kEnd) return;
      if (message.at("kind") != kGive) continue;
      threads.give(message.at("thread"), message.at("cell"));
    }
    for (WorkerReport& report : threads.reports(kPoll)) {
      // Rank 0 is not told of stops, as the request reaches rank 0 as well.
      if (report.kind == WorkerReport::Kind::kStopped) continue;
      if (report.kind == WorkerReport::Kind::kProgress) {
        progress[report.worker] = std::move(report);
        continue;
      }
      progress.erase(report.worker);
      try {
        ranks.send(0, encoded(message_of(report)));
      } catch (const Error& error) {  // The message is too large.
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
