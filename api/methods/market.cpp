#include "api/internal/methods.h"

namespace neph::api {
namespace {

struct ShowMarket {
  std::int64_t market = -1;
  bool decrypt = false;
};

Result<EscapedText> show_market(Call&, const ShowMarket& ask) {
  return fail(Errc::kNotFound, "Error getting marketplace [{}].", ask.market);
}

}  // namespace

void add_market_methods(Registry<Call>& registry) {
  registry.add(method("one.market.info", &show_market)
                   .reads()
                   .args("market", "decrypt")
                   .required(1)
                   .for_anyone()
                   .doc("Shows a marketplace. There are none, so none is found.")
                   .answers("MARKETPLACE document"));
}

}  // namespace neph::api
