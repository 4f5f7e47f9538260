#include "api/internal/zone_xml.h"

#include "text/xml_writer.h"

namespace neph::api {
namespace {

constexpr std::int64_t kEnabled = 0;
constexpr std::int64_t kDisabled = 1;

}  // namespace

std::string zone_xml(const site::Zone& zone, std::string_view endpoint) {
  text::Template attributes = zone.attributes;
  if (attributes.get("ENDPOINT").empty()) attributes.set("ENDPOINT", std::string(endpoint));
  text::XmlWriter xml;
  xml.open("ZONE");
  xml.element("ID", site::kThisZone);
  xml.element("NAME", zone.name);
  xml.element("STATE", zone.is_enabled ? kEnabled : kDisabled);
  xml.attributes("TEMPLATE", attributes);
  xml.empty("SERVER_POOL");
  xml.close();
  return xml.take();
}

std::string zone_pool_xml(std::string_view zones) {
  text::XmlWriter xml;
  xml.open("ZONE_POOL");
  xml.raw(zones);
  xml.close();
  return xml.take();
}

std::string raft_xml() {
  text::XmlWriter xml;
  xml.open("RAFT");
  xml.element("SERVER_ID", std::int64_t{-1});
  xml.element("STATE", std::int64_t{0});
  for (const char* tag : {"TERM", "VOTEDFOR", "COMMIT", "LOG_INDEX", "LOG_TERM", "FEDLOG_INDEX"})
    xml.element(tag, std::int64_t{-1});
  xml.close();
  return xml.take();
}

}  // namespace neph::api
