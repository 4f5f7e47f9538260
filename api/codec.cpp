#include "api/codec.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <xmlrpc-c/base.h>
#include <xmlrpc-c/base.hpp>
#include <xmlrpc-c/girerr.hpp>
#include <xmlrpc-c/xml.hpp>

namespace neph::api {
namespace {

/// xmlrpc-c's own limit is one number per process, half a megabyte unless raised. The HTTP server
/// bounds bodies already, so it must only be out of the way.
void raise_parser_limit_once() {
  static const bool raised = [] {
    xmlrpc_limit_set(XMLRPC_XML_SIZE_LIMIT_ID, std::numeric_limits<int>::max());
    return true;
  }();
  (void)raised;
}

Value from_xmlrpc(const xmlrpc_c::value& value);

Array from_xmlrpc_array(const xmlrpc_c::value_array& array) {
  const auto items = array.vectorValueValue();
  Array result;
  result.reserve(items.size());
  for (const auto& item : items) result.push_back(from_xmlrpc(item));
  return result;
}

Struct from_xmlrpc_struct(const xmlrpc_c::value_struct& members) {
  Struct result;
  for (const auto& [name, member] : members.cvalue()) {
    result.push_back({name, from_xmlrpc(member)});
  }
  return result;
}

Value from_xmlrpc(const xmlrpc_c::value& value) {
  switch (value.type()) {
    case xmlrpc_c::value::TYPE_INT:
      return Value{static_cast<std::int32_t>(xmlrpc_c::value_int(value).cvalue())};
    case xmlrpc_c::value::TYPE_I8:
      return Value{static_cast<std::int64_t>(xmlrpc_c::value_i8(value).cvalue())};
    case xmlrpc_c::value::TYPE_BOOLEAN: return Value{xmlrpc_c::value_boolean(value).cvalue()};
    case xmlrpc_c::value::TYPE_DOUBLE: return Value{xmlrpc_c::value_double(value).cvalue()};
    case xmlrpc_c::value::TYPE_STRING: return Value{xmlrpc_c::value_string(value).cvalue()};
    case xmlrpc_c::value::TYPE_ARRAY: return Value{from_xmlrpc_array(xmlrpc_c::value_array(value))};
    case xmlrpc_c::value::TYPE_STRUCT:
      return Value{from_xmlrpc_struct(xmlrpc_c::value_struct(value))};
    default: return Value{};
  }
}

MethodCall parse_or_throw(const std::string& body) {
  MethodCall call;
  xmlrpc_c::paramList params;
  xmlrpc_c::xml::parseCall(body, &call.method, &params);
  call.params.reserve(params.size());
  for (unsigned int i = 0; i < params.size(); ++i) call.params.push_back(from_xmlrpc(params[i]));
  return call;
}

}  // namespace

OrFault<MethodCall> parse_call(const ScannedCall& call) {
  raise_parser_limit_once();
  try {
    return parse_or_throw(call.body());
  } catch (const xmlrpc_c::fault& problem) {  // not a std::exception
    return fault(FaultCode::kParse, problem.getDescription());
  } catch (const std::exception& problem) {  // girerr::error is one
    return fault(FaultCode::kParse, problem.what());
  }
}

}  // namespace neph::api
