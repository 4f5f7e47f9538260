#include <algorithm>
#include <array>

#include "access/directory.h"
#include "base/words.h"
#include "datastore/image_service.h"
#include "datastore/internal/rows.h"
#include "datastore/internal/rules.h"
#include "db/counters.h"

namespace neph::datastore {

namespace {

constexpr ClusterId kDefaultCluster{0};
constexpr std::array<std::pair<DatastoreType, std::string_view>, 4> kDatastoreTypes{{
    {DatastoreType::kImage, "IMAGE_DS"},
    {DatastoreType::kSystem, "SYSTEM_DS"},
    {DatastoreType::kFile, "FILE_DS"},
    {DatastoreType::kBackup, "BACKUP_DS"},
}};
/// What decides where files are and what they mean.
constexpr std::array<std::string_view, 2> kFixed{"TYPE", "BASE_PATH"};

std::string_view word_of(DatastoreType type) {
  const auto* found = std::ranges::find(kDatastoreTypes, type,
                                        &decltype(kDatastoreTypes)::value_type::first);
  return found == kDatastoreTypes.end() ? std::string_view{} : found->second;
}

Result<DatastoreType> type_from(std::string_view word) {
  const std::string wanted = upper(word);
  for (const auto& [type, name] : kDatastoreTypes) {
    if (name == wanted) return type;
  }
  return fail(Errc::kInvalid,
              "there is no datastore type \"{}\" (there are: IMAGE_DS, SYSTEM_DS, FILE_DS,"
              " BACKUP_DS)",
              word);
}

/// What clients look for in a TEMPLATE.
void add_known_attributes(Datastore& datastore) {
  auto& attributes = datastore.attributes;
  attributes.set("TYPE", std::string{word_of(datastore.type)});
  attributes.set("TM_MAD", datastore.tm_mad);
  if (datastore.type == DatastoreType::kSystem) attributes.erase("DS_MAD");
  else attributes.set("DS_MAD", datastore.ds_mad);
  const auto suggest = [&](std::string_view name, std::string value) {
    if (!attributes.has(name)) attributes.set(name, std::move(value));
  };
  suggest("ALLOW_ORPHANS", "NO");
  suggest("DISK_TYPE", "FILE");
  if (datastore.type != DatastoreType::kImage) return;
  suggest("CLONE_TARGET", "SYSTEM");
  suggest("LN_TARGET", "NONE");
}

/// A driver of files that the templates of OpenNebula name "fs"; others go by their own names.
Result<void> check_ds_mad(const DriverCatalogue& drivers, const std::string& name) {
  if (name == "fs") return {};
  if (drivers.datastores.contains(name)) return {};
  return drivers.datastore(name).map([](auto*) {});
}

/// Another driver would look for the files elsewhere, so nothing may be there that it has to find.
/// The drivers of plain files are one, whatever the name.
Result<void> change_drivers(db::Txn& txn, const DriverCatalogue& drivers, Datastore& datastore,
                            const text::Template& change) {
  const std::string tm_mad = change.get("TM_MAD", datastore.tm_mad);
  auto* wanted = TRY(drivers.datastore(tm_mad));
  const auto present = drivers.datastore(datastore.tm_mad);
  const auto leftovers = list_leftovers_in(txn, datastore.id);
  if (!leftovers.empty() && present && *present != wanted)
    return fail(Errc::kWrongState,
                "TM_MAD of datastore {} cannot become {} while there is something in it: {}",
                datastore.id, tm_mad, fmt::join(leftovers, ", "));
  datastore.tm_mad = tm_mad;
  if (datastore.type == DatastoreType::kSystem || !change.has("DS_MAD")) return {};
  CHECK_OK(check_ds_mad(drivers, change.get("DS_MAD")));
  datastore.ds_mad = change.get("DS_MAD");
  return {};
}

/// Two datastores in one directory would measure, list and sweep each other's files.
Result<std::string> check_base_path(db::Txn& txn, const access::Actor& actor,
                                    const std::filesystem::path& home, const std::string& asked) {
  if (!actor.is_admin())
    return fail(Errc::kDenied, "Template includes a restricted attribute BASE_PATH");
  const auto path = std::filesystem::path{asked}.lexically_normal();
  const auto root = home.lexically_normal();
  if (!path.is_absolute() || !is_below(path, root) || path == root)
    return fail(Errc::kInvalid, "BASE_PATH {} is not below {}", asked, root.string());
  for (const DatastoreId id : list_datastores(txn)) {
    const Datastore other = TRY(find_datastore(txn, id));
    const auto taken = std::filesystem::path{other.base_path}.lexically_normal();
    if (is_below(path, taken) || is_below(taken, path))
      return fail(Errc::kConflict, "BASE_PATH {} is taken by DATASTORE {}.", asked, id);
  }
  return path.string();
}

}  // namespace

Result<void> ImageService::bootstrap(db::Txn& txn) const {
  struct Row {
    std::int64_t id;
    const char* name;
    DatastoreType type;
  };
  ensure_default_cluster(txn);
  for (const Row& row : {Row{0, "system", DatastoreType::kSystem},
                         Row{1, "default", DatastoreType::kImage},
                         Row{2, "files", DatastoreType::kFile}}) {
    const DatastoreId id{row.id};
    if (find_datastore(txn, id)) continue;
    const bool is_system = row.type == DatastoreType::kSystem;
    Datastore datastore{.id = id,
                        .name = row.name,
                        .owner = UserId{0},
                        .group = GroupId{0},
                        .permissions = {0640},
                        .type = row.type,
                        .ds_mad = is_system ? "-" : "fs",
                        .tm_mad = "local",
                        .base_path = (settings_.datastores / fmt::format("{}", id)).string()};
    add_known_attributes(datastore);
    insert_datastore(txn, datastore);
    join_cluster(txn, id, kDefaultCluster);
  }
  return {};
}

Result<DatastoreId> ImageService::allocate_datastore(db::Txn& txn, const access::Actor& actor,
                                                     const text::Template& ask,
                                                     ClusterId cluster) {
  const access::Subject new_datastore{.kind = access::Resource::kDatastore, .owner = actor.user,
                                      .group = actor.group, .permissions = {0}};
  CHECK_OK(access::authorize(txn, actor, access::Op::kCreate, new_datastore));
  Datastore datastore;
  datastore.name = ask.get("NAME");
  CHECK_OK(access::check_name("NAME", datastore.name));
  if (const auto clash = find_datastore_by_name(txn, datastore.name))
    return fail(Errc::kConflict, "NAME is already taken by DATASTORE {}.", *clash);
  if (!cluster.is_set()) cluster = kDefaultCluster;
  if (!is_cluster(txn, cluster))
    return fail(Errc::kNotFound, "Error getting cluster [{}].", cluster);

  datastore.type = TRY(type_from(ask.get("TYPE", "IMAGE_DS")));
  datastore.tm_mad = ask.get("TM_MAD");
  // OpenNebula's templates of backup datastores have none; the files are plain files all the same.
  const bool has_none = datastore.tm_mad.empty() || datastore.tm_mad == "-";
  if (has_none && datastore.type == DatastoreType::kBackup) datastore.tm_mad = "local";
  if (datastore.tm_mad.empty()) return fail(Errc::kInvalid, "No TM_MAD in template");
  TRY(drivers_.datastore(datastore.tm_mad));
  datastore.ds_mad = ask.get("DS_MAD", "-");
  if (datastore.type == DatastoreType::kSystem) {
    datastore.ds_mad = "-";
  } else if (datastore.ds_mad == "-") {
    return fail(Errc::kInvalid, "No DS_MAD in template");
  } else {
    CHECK_OK(check_ds_mad(drivers_, datastore.ds_mad));
  }
  if (const std::string* asked = ask.find("BASE_PATH"))
    datastore.base_path = TRY(check_base_path(txn, actor, settings_.datastores, *asked));

  datastore.owner = actor.user;
  datastore.group = actor.group;
  datastore.permissions = access::initial_permissions(actor);
  datastore.attributes = ask;
  datastore.attributes.erase("NAME");
  datastore.attributes.erase("BASE_PATH");
  add_known_attributes(datastore);
  datastore.id = db::take_id<DatastoreId>(txn, "datastore");
  if (datastore.base_path.empty())
    datastore.base_path = (settings_.datastores / fmt::format("{}", datastore.id)).string();
  insert_datastore(txn, datastore);
  join_cluster(txn, datastore.id, cluster);
  return datastore.id;
}

Result<void> ImageService::update_datastore(db::Txn& txn, DatastoreId id,
                                            const text::Template& change, bool is_append) {
  Datastore datastore = TRY(find_datastore(txn, id));
  for (const std::string_view name : kFixed) {
    if (change.has(name) && change.get(name) != datastore.attributes.get(name))
      return fail(Errc::kInvalid, "{} of datastore {} cannot be changed", name, id);
  }
  CHECK_OK(change_drivers(txn, drivers_, datastore, change));
  text::Template updated = is_append ? datastore.attributes : change;
  if (is_append) updated.merge(change);
  CHECK_OK(updated.check_limits(text::kStoredLimits));
  datastore.attributes = std::move(updated);
  add_known_attributes(datastore);
  save_datastore(txn, datastore);
  return {};
}

std::vector<ImageService::Measured> ImageService::measure(
    const std::vector<Datastore>& datastores) const {
  std::vector<Measured> measured;
  for (const Datastore& datastore : datastores) {
    const auto look = [&]() -> Result<datastore_driver::Usage> {
      auto* driver = TRY(drivers_.datastore(datastore.tm_mad));
      CHECK_OK(driver->ensure_directory(datastore.base_path));
      return driver->inspect_usage(datastore.base_path);
    };
    measured.push_back({datastore.id, look()});
  }
  return measured;
}

}  // namespace neph::datastore
