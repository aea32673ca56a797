#include "cprobe/training/cross_entropy.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <numeric>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

/// Rows of logits that are converted to float64 at a time. 256 x 114 doubles stay in the
/// second-level cache.
constexpr int64_t kRowsAtATime = 256;

std::span<const int64_t> values(const at::Tensor& vector) {
  return {vector.data_ptr<int64_t>(), static_cast<size_t>(vector.size(0))};
}

void require_below(std::span<const int64_t> numbers, int64_t end, const char* what) {
  for (const int64_t number : numbers) {
    if (number < 0 || number >= end) throw input_error("cross-entropy: {} {} is not in [0, {})", what, number, end);
  }
}

void check(const at::Tensor& logits, const at::Tensor& rows, const at::Tensor& answers) {
  if (logits.dim() != 2 || rows.dim() != 1 || answers.sizes() != rows.sizes() || rows.size(0) == 0) {
    throw input_error("cross-entropy: logits [{}], rows [{}] and answers [{}] do not belong together",
                      fmt::join(logits.sizes(), ", "), fmt::join(rows.sizes(), ", "), fmt::join(answers.sizes(), ", "));
  }
  require_below(values(rows.contiguous()), logits.size(0), "row");
  require_below(values(answers.contiguous()), logits.size(1), "answer");
}

/// The answers of the examples, by row of the logits: row i has `answer[begin[i]]` to
/// `answer[begin[i + 1] - 1]`.
struct AnswersByRow {
  std::vector<size_t> begin;
  std::vector<int64_t> answer;

  AnswersByRow(size_t n_rows, std::span<const int64_t> rows, std::span<const int64_t> answers)
      : begin(n_rows + 1, 0), answer(answers.size()) {
    for (const int64_t row : rows) ++begin[static_cast<size_t>(row) + 1];
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    std::vector<size_t> next = begin;
    for (size_t e = 0; e < rows.size(); ++e) answer[next[static_cast<size_t>(rows[e])]++] = answers[e];
  }

  std::span<const int64_t> of(int64_t row) const {
    const auto i = static_cast<size_t>(row);
    return std::span(answer).subspan(begin[i], begin[i + 1] - begin[i]);
  }
};

/// Adds up the losses of the examples at rows [begin, begin + log_p.size(0)), one sum per row.
void add_losses(const at::Tensor& log_p, int64_t begin, const AnswersByRow& examples, std::vector<double>& losses) {
  const auto lp = log_p.accessor<double, 2>();
  for (int64_t i = 0; i < lp.size(0); ++i) {
    for (const int64_t answer : examples.of(begin + i)) losses[static_cast<size_t>(begin + i)] -= lp[i][answer];
  }
}

/// Turns probabilities into the gradient of the mean loss. In float64, because float32 could not
/// tell p - 1 from 0 once the model is sure, and training would stop.
void subtract_answers(const at::Tensor& p, int64_t begin, const AnswersByRow& examples) {
  auto d = p.accessor<double, 2>();
  const double share = 1.0 / static_cast<double>(examples.answer.size());
  for (int64_t i = 0; i < d.size(0); ++i) {
    const std::span<const int64_t> answers = examples.of(begin + i);
    const double weight = share * static_cast<double>(answers.size());
    for (int64_t j = 0; j < d.size(1); ++j) d[i][j] *= weight;
    for (const int64_t answer : answers) d[i][answer] -= share;
  }
}

class CrossEntropy : public torch::autograd::Function<CrossEntropy> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& logits, const at::Tensor& rows,
                            const at::Tensor& answers) {
    const bool wants_gradient = logits.requires_grad();
    const at::Tensor x = logits.detach();
    const int64_t n = x.size(0);
    const AnswersByRow examples(static_cast<size_t>(n), values(rows), values(answers));
    const at::Tensor gradient = wants_gradient ? at::empty(x.sizes(), x.options()) : at::Tensor();
    std::vector<double> losses(static_cast<size_t>(n), 0.0);
    at::parallel_for(0, n, kRowsAtATime, [&](int64_t thread_begin, int64_t thread_end) {
      for (int64_t begin = thread_begin; begin < thread_end; begin += kRowsAtATime) {
        const int64_t length = std::min(kRowsAtATime, thread_end - begin);
        at::Tensor log_p = at::log_softmax(x.narrow(0, begin, length).to(at::kDouble), 1);
        add_losses(log_p, begin, examples, losses);
        if (!wants_gradient) continue;
        log_p.exp_();
        subtract_answers(log_p, begin, examples);
        gradient.narrow(0, begin, length).copy_(log_p);
      }
    });
    if (wants_gradient) context->save_for_backward({gradient});
    // One thread adds up, so that the sum does not depend on the number of threads.
    const double total = std::accumulate(losses.begin(), losses.end(), 0.0);
    return at::scalar_tensor(total / static_cast<double>(rows.size(0)), x.options().dtype(at::kDouble));
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    const at::Tensor gradient = context->get_saved_variables()[0];
    return {gradient * gradients[0].to(gradient.scalar_type()), {}, {}};
  }
};

}  // namespace

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& rows, const at::Tensor& answers) {
  check(logits, rows, answers);
  return CrossEntropy::apply(logits, rows.contiguous(), answers.contiguous());
}

double top_token_accuracy(const at::Tensor& logits, const at::Tensor& rows, const at::Tensor& answers) {
  check(logits, rows, answers);
  const at::Tensor right = logits.detach().argmax(1).index_select(0, rows).eq(answers);
  return static_cast<double>(right.sum().item<int64_t>()) / static_cast<double>(rows.size(0));
}

}  // namespace cprobe
