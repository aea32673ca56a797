#pragma once

#include <map>
#include <utility>

#include "cprobe/data/dataset.h"
#include "cprobe/evaluate/behaviour.h"
#include "cprobe/model/forward.h"

namespace cprobe {

/// A model's residual streams on the data sets of a run, each at the site last asked for. A stream
/// is advanced one component at a time. Therefore
///   - cells in the order of their components run the model once;
///   - states do not depend on which components are probed, so that an interrupted run gives the
///     same bytes.
/// Memory: one stream per data set, and one more while a stream is advanced. Refers to `model` and
/// to the data sets, which must outlive the streams. Copies of a data set count as the same set.
class Streams {
 public:
  /// @param new_rows  where the streams are kept.
  explicit Streams(const Model& model, NewRows new_rows = rows_in_memory)
      : model_(model), new_rows_(std::move(new_rows)) {}

  const NewRows& new_rows() const { return new_rows_; }

  /// The stream of all nodes of `data` at `site`. If the last site asked for was later, the stream
  /// starts again from the embeddings. Valid until the next call for the same data set.
  const Stream& at(const Dataset& data, Site site);

  /// The untouched model on `data`; computed by the first call.
  const Untouched& untouched(const Dataset& data);

 private:
  struct StreamAtSite {
    Stream stream;
    Site site;
  };

  const Model& model_;
  NewRows new_rows_;
  /// Keys of both maps: Dataset::identity.
  std::map<const void*, StreamAtSite> streams_;
  std::map<const void*, Untouched> untouched_;
};

}  // namespace cprobe
