#include "cprobe/probe/streams.h"

namespace cprobe {

const Stream& Streams::at(const Dataset& data, Site site) {
  const void* key = data.identity();
  auto found = streams_.find(key);
  if (found == streams_.end() || site < found->second.site) {
    found = streams_.insert_or_assign(key, StreamAtSite{embed(model_, data.trie), Site::start()}).first;
  }
  StreamAtSite& entry = found->second;
  while (entry.site < site) {
    const Site next = Site::after(entry.site.next());
    entry = {advance(model_, data.trie, entry.stream, entry.site, next, new_rows_), next};
  }
  return entry.stream;
}

const Untouched& Streams::untouched(const Dataset& data) {
  const void* key = data.identity();
  const auto found = untouched_.find(key);
  if (found != untouched_.end()) return found->second;
  return untouched_.emplace(key, run_untouched(model_, data, embed(model_, data.trie), Site::start())).first->second;
}

}  // namespace cprobe
