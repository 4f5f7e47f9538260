#include "cli/output.h"

#include <algorithm>
#include <ostream>

#include "base/words.h"
#include "cli/columns.h"

namespace neph::cli {
namespace {

constexpr std::size_t kLabelWidth = 18;

Result<std::vector<const ListColumn*>> chosen_columns(const ObjectRow& row,
                                                      const std::vector<std::string>& titles) {
  std::vector<const ListColumn*> chosen;
  for (const auto& title : titles) {
    const auto column = std::find_if(row.columns.begin(), row.columns.end(),
                                     [&](const auto& one) { return one.title == upper(title); });
    if (column == row.columns.end())
      return fail(Errc::kInvalid, "a list of {}s has no column \"{}\"", row.title, title);
    chosen.push_back(&*column);
  }
  if (chosen.empty())
    for (const auto& column : row.columns) chosen.push_back(&column);
  return chosen;
}

/// Line feeds are kept, since values may be scripts. Other control characters could steer the
/// terminal; who needs them has -x.
std::string quoted(const std::string& value) {
  std::string text = "\"";
  for (const char letter : value) {
    const bool is_text = static_cast<unsigned char>(letter) >= 0x20 && letter != 0x7F;
    if (letter == '"') text += '\\';
    text += is_text || letter == '\n' || letter == '\t' ? letter : '?';
  }
  return text + '"';
}

void print_field(std::ostream& out, std::string_view label, const std::string& value) {
  out << fmt::format("{:<{}}: {}", label, kLabelWidth, one_line(value)) << '\n';
}

std::size_t width_of(const Terminal& terminal) {
  return terminal.is_terminal ? terminal.width : 0;
}

/// A table of vector attributes, for those of a VM that people look for first.
void print_parts(Desk& desk, const Element& object, std::string_view path, std::string_view title,
                 const std::vector<std::string>& keys) {
  std::vector<Column> columns;
  for (const auto& key : keys) columns.push_back({key, Align::kLeft, Shrink::kMayShrink});
  Table table(std::move(columns));
  for (const Element* part : object.all(path)) {
    std::vector<std::string> cells;
    for (const auto& key : keys) cells.push_back(part->get(key, "-"));
    table.add(std::move(cells));
  }
  if (table.empty()) return;
  desk.around.out << '\n' << title << '\n'
                  << table.text(width_of(desk.around.out_terminal), Header::kShown);
}

/// What happened to a job.
void print_log(Desk& desk, const Element& job) {
  Table table({{"TIME", Align::kLeft, Shrink::kNever},
               {"STEP", Align::kLeft, Shrink::kNever},
               {"WHAT", Align::kLeft, Shrink::kMayShrink}});
  for (const Element* entry : job.all("LOG")) {
    const auto times = entry->number("TIMES", 1);
    const auto last = columns::time_text(Instant{entry->number("LAST_AT_MS")});
    std::string what = entry->get("TEXT");
    if (times > 1) what += fmt::format(" ({} times, last {})", times, last);
    table.add({columns::time_text(Instant{entry->number("AT_MS")}), entry->get("STEP"), what});
  }
  if (table.empty()) return;
  desk.around.out << "\nLOG\n"
                  << table.text(width_of(desk.around.out_terminal), Header::kShown);
}

void print_template(std::ostream& out, const Element& object, std::string_view path,
                    std::string_view title) {
  const Element* attributes = object.find(path);
  if (attributes == nullptr || attributes->children.empty()) return;
  out << '\n' << title << '\n' << template_text(*attributes);
}

}  // namespace

Result<ExitCode> print_list(Desk& desk, const ObjectRow& row, const std::string& xml) {
  std::ostream& out = desk.around.out;
  if (desk.output.form == OutputForm::kXml) {
    out << xml << '\n';
    return ExitCode::kOk;
  }
  const Element pool = TRY(Element::parse(xml));
  if (desk.output.form == OutputForm::kJson) {
    out << to_json(pool);
    return ExitCode::kOk;
  }
  const auto columns = TRY(chosen_columns(row, desk.output.columns));
  std::vector<Column> titles;
  for (const auto* column : columns)
    titles.push_back({std::string(column->title), column->align, column->shrink});
  Table table(std::move(titles));
  const Instant now = desk.around.clock.now();
  for (const Element* object : pool.all(row.element)) {
    std::vector<std::string> cells;
    for (const auto* column : columns) cells.push_back(column->value(*object, now));
    table.add(std::move(cells));
  }
  const bool is_csv = desk.output.form == OutputForm::kCsv;
  out << (is_csv ? table.csv(desk.output.header)
                 : table.text(width_of(desk.around.out_terminal), desk.output.header));
  return ExitCode::kOk;
}

Result<ExitCode> print_object(Desk& desk, const ObjectRow& row, const std::string& xml) {
  std::ostream& out = desk.around.out;
  if (desk.output.form == OutputForm::kXml) {
    out << xml << '\n';
    return ExitCode::kOk;
  }
  const Element object = TRY(Element::parse(xml));
  if (desk.output.form == OutputForm::kJson) {
    out << to_json(object);
    return ExitCode::kOk;
  }
  const Instant now = desk.around.clock.now();
  for (const auto& field : row.fields) {
    const std::string value = field.value(object, now);
    if (!value.empty()) print_field(out, field.label, value);
  }
  if (const Element* permissions = object.find("PERMISSIONS"))
    print_field(out, "PERMISSIONS", columns::permissions_text(*permissions));
  if (row.kind == Kind::kVm) {
    print_parts(desk, object, "TEMPLATE/DISK", "DISKS",
                {"DISK_ID", "TARGET", "IMAGE_ID", "IMAGE", "DATASTORE", "SIZE", "TYPE", "SAVE",
                 "SAVE_AS"});
    print_parts(desk, object, "TEMPLATE/NIC", "NICS",
                {"NIC_ID", "NETWORK", "BRIDGE", "IP", "MAC"});
    print_parts(desk, object, "HISTORY_RECORDS/HISTORY", "HISTORY",
                {"SEQ", "HOSTNAME", "ACTION", "DS_ID"});
  }
  if (row.kind == Kind::kJob) print_log(desk, object);
  print_template(out, object, "USER_TEMPLATE", "USER TEMPLATE");
  print_template(out, object, "TEMPLATE", "TEMPLATE");
  return ExitCode::kOk;
}

void print_id(Desk& desk, std::int64_t id) { desk.around.out << "ID: " << id << '\n'; }

std::string template_text(const Element& attributes) {
  std::string text;
  for (const Element& attribute : attributes.children) {
    if (attribute.children.empty()) {
      text += fmt::format("{}={}\n", attribute.name, quoted(attribute.text));
      continue;
    }
    text += attribute.name + "=[";
    std::string_view separator = " ";
    for (const Element& item : attribute.children) {
      text += fmt::format("{}{}={}", separator, item.name, quoted(item.text));
      separator = ", ";
    }
    text += " ]\n";
  }
  return text;
}

}  // namespace neph::cli
