#pragma once

#include <map>
#include <utility>

#include "cprobe/data/dataset.h"
#include "cprobe/evaluate/behaviour.h"
#include "cprobe/model/forward.h"

namespace cprobe {

/// A model's residual streams on the data sets of a run, at the component that is being probed. A stream is advanced
/// component by component, so that a sweep in their order runs the model once, and in the same way whatever is probed: a
/// run that was interrupted gives the same bytes.
/// Memory: one stream per data set, and one more while it is advanced. Refers to `model` and to the data sets, which
/// must outlive it; copies of a data set are the same one.
class Streams {
 public:
  /// @param new_rows where the streams are kept.
  explicit Streams(const Model& model, NewRows new_rows = rows_in_memory)
      : model_(model), new_rows_(std::move(new_rows)) {}

  const NewRows& new_rows() const { return new_rows_; }

  /// The stream of all nodes of `data` at `site`; from the embeddings again where the last one asked for was later.
  const Stream& at(const Dataset& data, Site site);

  /// The model as it is on `data`, run once.
  const Untouched& untouched(const Dataset& data);

 private:
  struct StreamAtSite {
    Stream stream;
    Site site;
  };

  const Model& model_;
  NewRows new_rows_;
  /// By Dataset::identity.
  std::map<const void*, StreamAtSite> streams_;
  std::map<const void*, Untouched> untouched_;
};

}  // namespace cprobe
