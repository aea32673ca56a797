#include "cprobe/probe/draws.h"

#include "cprobe/core/replay.h"

namespace cprobe {
namespace {

/// Replays the draws of the reference. To decode, the reference seeds its generator again before
/// each of two loader passes, and drops an incomplete last batch of training tokens.
class PaperDraws : public Draws {
 public:
  PaperDraws(uint64_t data_seed, int64_t n_train, int64_t n_test, int64_t batch_size)
      : data_seed_(data_seed), n_train_(n_train), n_test_(n_test), batch_size_(batch_size), replay_(data_seed) {}

  DecodingOrder decoding_order() override {
    replay_.manual_seed(data_seed_);
    const at::Tensor train = replay_.loader_pass(n_train_, true).narrow(0, 0, n_train_ / batch_size_ * batch_size_);
    replay_.manual_seed(data_seed_);
    return {train, replay_.loader_pass(n_test_, false)};
  }

  std::vector<std::vector<int64_t>> exemplars(const at::Tensor& labels) override {
    NumpyReplay numpy(static_cast<uint32_t>(data_seed_));
    std::vector<int64_t> picked;
    for (const std::vector<int64_t>& rows : rows_by_class(labels)) {
      picked.push_back(rows[static_cast<size_t>(numpy.choice(static_cast<int64_t>(rows.size()), 1)[0])]);
    }
    return {picked};
  }

  at::Tensor training_order() override { return replay_.loader_pass(n_train_, true); }
  at::Tensor test_order() override { return replay_.loader_pass(n_test_, false); }

 private:
  uint64_t data_seed_;
  int64_t n_train_;
  int64_t n_test_;
  int64_t batch_size_;
  TorchReplay replay_;
};

/// Decodes all training tokens in file order, with several draws of the exemplars. Each purpose has
/// a named random stream of its own.
class NamedDraws : public Draws {
 public:
  NamedDraws(Seed seed, int64_t n_train, int64_t n_test, int64_t n_exemplar_draws)
      : seed_(seed),
        n_train_(n_train),
        n_test_(n_test),
        n_exemplar_draws_(n_exemplar_draws),
        batches_(seed.derive("fit/batches").generator()) {}

  DecodingOrder decoding_order() override { return {at::arange(n_train_), at::arange(n_test_)}; }

  std::vector<std::vector<int64_t>> exemplars(const at::Tensor& labels) override {
    const std::vector<std::vector<int64_t>> classes = rows_by_class(labels);
    at::Generator generator = seed_.derive("knn/exemplars").generator();
    std::vector<std::vector<int64_t>> draws(static_cast<size_t>(n_exemplar_draws_));
    for (std::vector<int64_t>& exemplars : draws) {
      for (const std::vector<int64_t>& rows : classes) {
        const int64_t pick = at::randint(static_cast<int64_t>(rows.size()), {1}, generator, at::kLong).item<int64_t>();
        exemplars.push_back(rows[static_cast<size_t>(pick)]);
      }
    }
    return draws;
  }

  at::Tensor training_order() override { return at::randperm(n_train_, batches_, at::kLong); }
  at::Tensor test_order() override { return at::arange(n_test_); }

 private:
  Seed seed_;
  int64_t n_train_;
  int64_t n_test_;
  int64_t n_exemplar_draws_;
  at::Generator batches_;
};

}  // namespace

std::unique_ptr<Draws> named_draws(Seed seed, int64_t n_train, int64_t n_test, int64_t n_exemplar_draws) {
  return std::make_unique<NamedDraws>(seed, n_train, n_test, n_exemplar_draws);
}

std::unique_ptr<Draws> make_draws(const ProbeSpec& spec, const Cell& cell, int64_t n_train, int64_t n_test) {
  if (spec.protocol == Protocol::kPaper) {
    return std::make_unique<PaperDraws>(spec.data_seed, n_train, n_test, cell.batch_size);
  }
  return named_draws(Seed(cell.seed), n_train, n_test, spec.exemplar_draws);
}

}  // namespace cprobe
