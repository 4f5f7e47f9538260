#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "cli/element.h"
#include "cli/rpc.h"
#include "cli/table.h"

/// The kinds of objects the command line knows, as one table: words, calls, columns.
namespace neph::cli {

// Filters of pool methods, and the cluster of a new object that names none, as OpenNebula has them.
inline constexpr std::int64_t kMine = -3;
inline constexpr std::int64_t kVisible = -2;
inline constexpr std::int64_t kDefaultCluster = -1;

enum class Kind {
  kVm, kImage, kTemplate, kHost, kDatastore, kNetwork, kUser, kGroup, kCluster, kSnapshot, kJob,
  kDisk, kBackupJob,
};

/// One column of a list; `value` gets an object's document and the present time.
struct ListColumn {
  std::string_view title;
  Align align;
  Shrink shrink;
  std::string (*value)(const Element& object, Instant now);
};

/// One line of what `show` prints first.
struct ShowField {
  std::string_view label;
  std::string (*value)(const Element& object, Instant now);
};

/// Which arguments the pool method takes after the session.
enum class PoolArguments { kNone, kFilterAndRange, kVmPool, kSnapshotPool, kOwnList };

struct ObjectRow {
  Kind kind;
  std::string_view word;          ///< "vm", as in `neph vm list`
  std::string_view program_name;  ///< "onevm": a link of that name means `neph vm`
  std::string_view title;         ///< "VM", for people
  std::string_view element;       ///< name of the object's element
  std::string_view info_method;   ///< empty: there is nothing more to show of one
  std::string_view pool_method;
  PoolArguments pool_arguments;
  std::string_view summary;  ///< for --help
  std::span<const ListColumn> columns;
  std::span<const ShowField> fields;
};

[[nodiscard]] std::span<const ObjectRow> all_objects();
[[nodiscard]] const ObjectRow& object_row(Kind kind);
/// nullptr when the program's name stands for no kind of object.
[[nodiscard]] const ObjectRow* find_by_program_name(std::string_view name);

/// Everything the caller may see, finished VMs left out: for looking up names.
[[nodiscard]] Values visible_pool_arguments(const ObjectRow& row);

}  // namespace neph::cli
