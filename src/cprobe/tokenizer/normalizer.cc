#include "cprobe/tokenizer/normalizer.h"

namespace cprobe {
namespace {

/// Runs a step of the normaliser on all pieces.
struct RunNormalizerStep {
  Pieces& pieces;

  void operator()(const NfcStep&) const { compose_pieces(pieces); }
  void operator()(const PrependStep& step) const { prepend_to_pieces(pieces, step.text, Prepend::kToAll); }
  void operator()(const ReplaceStep& step) const { replace_in_pieces(pieces, step.pattern, step.content); }
};

}  // namespace

void normalize_pieces(Pieces& pieces, const Normalizer& normalizer) {
  for (const NormalizerStep& step : normalizer) std::visit(RunNormalizerStep{pieces}, step);
}

std::string normalized(std::string_view text, const Normalizer& normalizer) {
  Pieces pieces = one_piece(text);
  normalize_pieces(pieces, normalizer);
  return pieces.content.text;
}

}  // namespace cprobe
