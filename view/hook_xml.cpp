#include "view/internal/documents.h"

#include "view/internal/blocks.h"

namespace neph::view {
namespace {

void open_hook(text::XmlWriter& xml, const HookFacts& facts) {
  const bool is_api = facts.hook.type == site::HookType::kApi;
  xml.open("HOOK");
  xml.element("ID", facts.hook.id.value);
  xml.element("NAME", facts.hook.name);
  xml.element("TYPE", is_api ? std::string_view{"api"} : std::string_view{"state"});
  write_lock(xml, facts.lock);
  text::Template shown = facts.hook.attributes;
  shown.erase("TYPE");
  xml.attributes("TEMPLATE", shown);
}

void write_execution(text::XmlWriter& xml, const site::HookExecution& execution) {
  xml.open("HOOK_EXECUTION_RECORD");
  xml.element("HOOK_ID", execution.hook.value);
  xml.element("EXECUTION_ID", execution.id);
  xml.element("TIMESTAMP", execution.started.seconds());
  xml.element("ARGUMENTS", execution.arguments);
  xml.open("EXECUTION_RESULT");
  xml.element("COMMAND", execution.command);
  xml.cdata("STDOUT", execution.output);
  xml.cdata("STDERR", execution.errors);
  xml.element("CODE", std::int64_t{execution.code});
  xml.close();
  if (execution.is_retry) xml.element("RETRY", std::string_view{"yes"});
  xml.close();
}

}  // namespace

std::string hook_log_document(const std::vector<site::HookExecution>& executions) {
  text::XmlWriter xml;
  xml.open("HOOKLOG");
  for (const auto& execution : executions) write_execution(xml, execution);
  xml.close();
  return xml.take();
}

std::string hook_xml(const HookFacts& facts) {
  text::XmlWriter xml;
  open_hook(xml, facts);
  xml.raw(hook_log_document(facts.executions));
  xml.close();
  return xml.take();
}

std::string hook_brief_xml(const HookFacts& facts) {
  text::XmlWriter xml;
  open_hook(xml, facts);
  xml.close();
  return xml.take();
}

}  // namespace neph::view
