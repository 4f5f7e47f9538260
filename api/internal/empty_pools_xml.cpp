#include "api/internal/empty_pools_xml.h"

#include "text/xml_writer.h"

namespace neph::api {

const std::vector<EmptyPool>& empty_pools() {
  static const std::vector<EmptyPool> kPools = {
      {"one.vrouterpool.info", "virtual routers", PoolArguments::kWindow, "VROUTER_POOL"},
      {"one.marketpool.info", "marketplaces", PoolArguments::kNone, "MARKETPLACE_POOL"},
      {"one.marketapppool.info", "marketplace apps", PoolArguments::kWindow,
       "MARKETPLACEAPP_POOL"},
  };
  return kPools;
}

std::string empty_pool_xml(const EmptyPool& pool) {
  text::XmlWriter xml;
  xml.open(pool.tag);
  xml.close();
  return xml.take();
}

}  // namespace neph::api
