#include "view/internal/documents.h"

#include "view/internal/blocks.h"

namespace neph::view {

std::string progress_xml(const jobs::ProgressBoard::Entry& progress) {
  text::XmlWriter xml;
  xml.element("BYTES_DONE", progress.done.value);
  xml.element("BYTES_TOTAL", progress.total.value);
  xml.element("RATE", progress.per_second.value);
  xml.element("SECONDS_LEFT", progress.seconds_left);
  if (!progress.held_back.empty()) xml.element("HELD_BACK", progress.held_back);
  return xml.take();
}

}  // namespace neph::view
