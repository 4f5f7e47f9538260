#include "api/internal/zone_xml.h"

#include "text/xml_writer.h"

namespace neph::api {
namespace {

constexpr std::int64_t kId = 0;
constexpr std::int64_t kEnabled = 0;

}  // namespace

std::string zone_xml(std::string_view endpoint) {
  text::Template attributes;
  attributes.set("ENDPOINT", std::string(endpoint));
  text::XmlWriter xml;
  xml.open("ZONE");
  xml.element("ID", kId);
  xml.element("NAME", "OpenNebula");
  xml.element("STATE", kEnabled);
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
