#include "api/internal/empty_pools_xml.h"
#include "api/internal/owned_methods.h"

namespace neph::api {
namespace {

/// The flags are checked as for pools that have something in them, in the same words.
Result<void> check_flags(Call& call, std::int64_t filter) {
  view::ListAsk ask;
  ask.filter = filter;
  return view::select(call.view(), ObjectKind::kQuota, call.actor(), ask).map([](const auto&) {});
}

template <class Ask>
MethodBuilder<Call, Ask, EscapedText> row_of(const EmptyPool& pool) {
  MethodBuilder<Call, Ask, EscapedText> row{
      std::string{pool.method},
      [&pool](Call& call, const Ask& ask) -> Result<EscapedText> {
        if constexpr (!std::is_empty_v<Ask>) {
          CHECK_OK(check_flags(call, ask.filter));
        }
        return as_document(empty_pool_xml(pool));
      }};
  return row.reads()
      .for_anyone()
      .doc(fmt::format("Lists {}. There are none of them yet: the pool is always empty.",
                       pool.things))
      .answers(fmt::format("{} document", pool.tag));
}

void add_pool(Registry<Call>& registry, const EmptyPool& pool) {
  switch (pool.arguments) {
    case PoolArguments::kNone:
      return registry.add(row_of<NoArguments>(pool));
    case PoolArguments::kWindow:
      return registry.add(row_of<ListWindow>(pool).args("filter", "start", "end"));
  }
}

}  // namespace

void add_empty_pool_methods(Registry<Call>& registry) {
  for (const EmptyPool& pool : empty_pools()) add_pool(registry, pool);
}

}  // namespace neph::api
