#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace neph::api {

/// What a pool method takes besides the session.
enum class PoolArguments {
  kNone,
  kWindow,    ///< filter, start, end
};

/// A pool of objects that this daemon does not keep, for clients that list all pools before they
/// show anything.
struct EmptyPool {
  std::string_view method;     ///< "one.vdcpool.info"
  std::string_view things;     ///< "virtual data centers", for the documentation
  PoolArguments arguments = PoolArguments::kWindow;
  std::string_view tag;        ///< of its document
};

[[nodiscard]] const std::vector<EmptyPool>& empty_pools();
/// The document of a pool with nothing in it.
[[nodiscard]] std::string empty_pool_xml(const EmptyPool& pool);

}  // namespace neph::api
