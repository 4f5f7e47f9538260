#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/words.h"
#include "compute/showback.h"
#include "daemon/config.h"
#include "daemon/config_values.h"
#include "network/address.h"

namespace neph::daemon {
namespace {

using Values = std::vector<std::string>;
using Times = ConfigKey::Times;

/// Values of another form are told by the caller, who knows the key.
tl::unexpected<Error> wrong_form() { return tl::unexpected(Error{Errc::kInvalid, {}, {}}); }

using Http = api::HttpSettings;
using Sessions = access::Authenticator::Settings;
using Images = datastore::Settings;
using Vms = compute::Settings;
using Snapshots = snapshots::Settings;
using Limits = jobs::Runner::Limits;
using Sizes = ThreadLanes::Sizes;
using Rights = site::VdcRights;
using Hooks = site::HookSettings;
using Monitoring = monitoring::Board::Settings;

/// Where the value of a key lives: a member, or a member of a member.
template <auto... kMembers>
struct At {
  template <class AnyConfig>
  static auto& in(AnyConfig& config) {
    return (config.*....*kMembers);
  }
};

template <class Place, std::int64_t kMin, std::int64_t kMax>
constexpr ConfigKey number(std::string_view name, std::string_view form, std::string_view doc) {
  return {name, form, doc, Times::kOnce,
          [](Config& config, const Values& values) -> Result<void> {
            const auto found = number_from(values[0], kMin, kMax);
            if (!found) return wrong_form();
            auto& place = Place::in(config);
            place = static_cast<std::remove_reference_t<decltype(place)>>(*found);
            return {};
          },
          [](const Config& config) -> Values { return {fmt::format("{}", Place::in(config))}; }};
}

/// Of kUnit milliseconds.
template <class Place, std::int64_t kUnit, std::int64_t kMin>
constexpr ConfigKey duration(std::string_view name, std::string_view form, std::string_view doc) {
  constexpr std::int64_t kDurationMax = 30LL * 24 * 3600;
  return {name, form, doc, Times::kOnce,
          [](Config& config, const Values& values) -> Result<void> {
            const auto found = number_from(values[0], kMin, kDurationMax);
            if (!found) return wrong_form();
            Place::in(config) = Duration{*found * kUnit};
            return {};
          },
          [](const Config& config) -> Values {
            return {fmt::format("{}", Place::in(config).count() / kUnit)};
          }};
}

enum class Empty { kRefused, kAllowed };

/// Of strings and paths.
template <class Place, Empty kEmpty = Empty::kRefused>
constexpr ConfigKey text(std::string_view name, std::string_view form, std::string_view doc) {
  return {name, form, doc, Times::kOnce,
          [](Config& config, const Values& values) -> Result<void> {
            if (values[0].empty() && kEmpty == Empty::kRefused) return wrong_form();
            Place::in(config) = values[0];
            return {};
          },
          [](const Config& config) -> Values { return {std::string(Place::in(config))}; }};
}

template <class Place>
constexpr ConfigKey yes_or_no(std::string_view name, std::string_view doc) {
  return {name, "YES or NO", doc, Times::kOnce,
          [](Config& config, const Values& values) -> Result<void> {
            const auto found = yes_or_no_from(values[0]);
            if (!found) return wrong_form();
            auto& place = Place::in(config);
            place = static_cast<std::remove_reference_t<decltype(place)>>(*found);
            return {};
          },
          [](const Config& config) -> Values {
            return {static_cast<bool>(Place::in(config)) ? "YES" : "NO"};
          }};
}

/// Several words in one value.
template <class Place>
constexpr ConfigKey words(std::string_view name, std::string_view form, std::string_view doc) {
  return {name, form, doc, Times::kOnce,
          [](Config& config, const Values& values) -> Result<void> {
            Place::in(config) = words_of(values[0]);
            return {};
          },
          [](const Config& config) -> Values {
            return {fmt::format("{}", fmt::join(Place::in(config), " "))};
          }};
}

/// One attribute in each value; an empty value stands for no attribute.
template <class Place>
constexpr ConfigKey attributes(std::string_view name, std::string_view doc) {
  return {name, "ATTRIBUTE or VECTOR/KEY", doc, Times::kMany,
          [](Config& config, const Values& values) -> Result<void> {
            Place::in(config).clear();
            for (const auto& value : values)
              if (!value.empty()) Place::in(config).push_back(upper(value));
            return {};
          },
          [](const Config& config) -> Values { return Place::in(config); }};
}

/// What VDCs let their groups do.
template <class Place>
constexpr ConfigKey rights(std::string_view name, std::string_view doc) {
  return {name, "USE, MANAGE, ADMIN or CREATE, joined with +, or nothing", doc, Times::kOnce,
          [](Config& config, const Values& values) -> Result<void> {
            const auto found = rights_from(values[0]);
            if (!found) return wrong_form();
            Place::in(config) = *found;
            return {};
          },
          [](const Config& config) -> Values { return {text_of_rights(Place::in(config))}; }};
}

constexpr auto kPrefixes = std::to_array<std::string_view>({"hd", "sd", "vd", "xvd"});

template <class Place>
constexpr ConfigKey prefix(std::string_view name, std::string_view doc) {
  return {name, "hd, sd, vd or xvd", doc, Times::kOnce,
          [](Config& config, const Values& values) -> Result<void> {
            const bool is_known =
                std::find(kPrefixes.begin(), kPrefixes.end(), values[0]) != kPrefixes.end();
            if (!is_known) return wrong_form();
            Place::in(config) = values[0];
            return {};
          },
          [](const Config& config) -> Values { return {Place::in(config)}; }};
}

Result<void> set_log_level(Config& config, const Values& values) {
  const auto level = log::level_from(lower(values[0]));
  if (!level) return wrong_form();
  config.log_level = *level;
  return {};
}

Values show_log_level(const Config& config) {
  switch (config.log_level) {
    case log::Level::kDebug: return {"debug"};
    case log::Level::kInfo: return {"info"};
    case log::Level::kWarn: return {"warn"};
    case log::Level::kError: return {"error"};
  }
  return {"info"};
}

Result<void> set_umask(Config& config, const Values& values) {
  const auto mask = umask_from(values[0]);
  if (!mask) return wrong_form();
  config.sessions.default_umask = *mask;
  return {};
}

Values show_umask(const Config& config) {
  return {fmt::format("{:03o}", config.sessions.default_umask)};
}

Result<void> set_mac_prefix(Config& config, const Values& values) {
  const auto prefix = network::parse_mac_prefix(values[0]);
  if (!prefix) return wrong_form();
  config.networks.mac_prefix = *prefix;
  return {};
}

Values show_mac_prefix(const Config& config) {
  const int prefix = config.networks.mac_prefix;
  return {fmt::format("{:02x}:{:02x}", prefix >> 8, prefix & 0xFF)};
}

Result<void> set_image_type(Config& config, const Values& values) {
  using datastore::ImageType;
  const auto type = datastore::image_type_from(upper(values[0]));
  if (!type || *type > ImageType::kDatablock) return wrong_form();
  config.images.default_type = *type;
  return {};
}

Values show_image_type(const Config& config) {
  return {std::string(datastore::name_of(config.images.default_type))};
}

/// OpenNebula knows a third, empty value, which means NO to it in all but one call.
Result<void> set_persistent(Config& config, const Values& values) {
  const auto found = yes_or_no_from(values[0].empty() ? "NO" : values[0]);
  if (!found) return wrong_form();
  config.images.is_default_persistent = *found;
  return {};
}

Values show_persistent(const Config& config) {
  return {config.images.is_default_persistent ? "YES" : "NO"};
}

Result<void> set_overcommit(Config& config, const Values& values) {
  constexpr double kOvercommitMax = 100;
  double factor = 0;
  const char* end = values[0].data() + values[0].size();
  const auto [stop, problem] = std::from_chars(values[0].data(), end, factor);
  if (problem != std::errc() || stop != end) return wrong_form();
  if (!(factor > 0 && factor <= kOvercommitMax)) return wrong_form();
  config.vms.cpu_overcommit = factor;
  return {};
}

Values show_overcommit(const Config& config) {
  return {fmt::format("{}", config.vms.cpu_overcommit)};
}

constexpr auto kAccelerations =
    std::to_array<std::pair<std::string_view, hypervisor_driver::Acceleration>>({
        {"auto", hypervisor_driver::Acceleration::kAuto},
        {"kvm", hypervisor_driver::Acceleration::kKvm},
        {"tcg", hypervisor_driver::Acceleration::kTcg},
    });

Result<void> set_acceleration(Config& config, const Values& values) {
  for (const auto& [name, acceleration] : kAccelerations) {
    if (name != lower(values[0])) continue;
    config.acceleration = acceleration;
    return {};
  }
  return wrong_form();
}

Values show_acceleration(const Config& config) {
  for (const auto& [name, acceleration] : kAccelerations)
    if (acceleration == config.acceleration) return {std::string(name)};
  return {"auto"};
}

constexpr std::int64_t kCopyRateMax = 1'000'000;

Result<void> set_copy_rate(Config& config, const Values& values) {
  const auto rate = number_from(values[0], 0, kCopyRateMax);
  if (!rate) return wrong_form();
  config.snapshots.copy_rate_max.reset();
  if (*rate > 0) config.snapshots.copy_rate_max = Bytes::megabytes(*rate);
  return {};
}

Values show_copy_rate(const Config& config) {
  return {fmt::format("{}", config.snapshots.copy_rate_max.value_or(Bytes{0}).megabytes_up())};
}

constexpr int kDriverThreadsMin = 4;
/// Threads that no job takes, so that events and measuring go on while all jobs act.
constexpr int kDriverThreadsSpare = 2;

Result<void> set_driver_threads(Config& config, const Values& values) {
  const auto threads = number_from(values[0], kDriverThreadsMin, 256);
  if (!threads) return wrong_form();
  config.lanes.drivers = static_cast<int>(*threads);
  config.jobs.acts_max = config.lanes.drivers - kDriverThreadsSpare;
  return {};
}

Values show_driver_threads(const Config& config) {
  return {fmt::format("{}", config.lanes.drivers)};
}

constexpr std::int64_t kMebibyte = 1'048'576;

Result<void> set_body_max(Config& config, const Values& values) {
  const auto size = number_from(values[0], 1, 1024);
  if (!size) return wrong_form();
  config.http.body_bytes_max = static_cast<std::size_t>(*size * kMebibyte);
  return {};
}

Values show_body_max(const Config& config) {
  return {fmt::format("{}", config.http.body_bytes_max / kMebibyte)};
}

const std::vector<ConfigKey> kServerKeys = {
    text<At<&Config::http, &Http::address>>("LISTEN_ADDRESS", "an IPv4 or IPv6 address",
        "Address that the API answers on; 0.0.0.0 for all of IPv4."),
    number<At<&Config::http, &Http::port>, 0, 65535>("PORT", "a number from 0 to 65535",
        "TCP port of the API; 0 for any free one, see the file endpoint in STATE_DIR."),
    text<At<&Config::state>>("STATE_DIR", "a directory",
        "Where the store, credentials, logs and, unless said otherwise, disks are kept."),
    text<At<&Config::images, &Images::datastores>, Empty::kAllowed>(
        "DATASTORE_LOCATION", "a directory",
        "Parent of the datastores' directories; empty: datastores in STATE_DIR."),
    {"LOG_LEVEL", "debug, info, warn or error", "How much is logged; read again on SIGHUP.",
     Times::kOnce, &set_log_level, &show_log_level},
    text<At<&Config::log_file>, Empty::kAllowed>("LOG_FILE", "a file",
        "Rotating log; empty: nephd.log in STATE_DIR."),
    {"HTTP_BODY_MAX_MB", "a number from 1 to 1024", "Largest request.", Times::kOnce,
     &set_body_max, &show_body_max},
    number<At<&Config::http, &Http::connections_max>, 1, 100'000>("HTTP_CONNECTIONS_MAX",
        "a number from 1 to 100000", "Open connections; more are refused."),
    duration<At<&Config::http, &Http::idle_timeout>, 1000, 1>(
        "HTTP_IDLE_TIMEOUT", "seconds, 1 or more",
        "A connection without a request is closed after so long."),
    duration<At<&Config::http, &Http::header_timeout>, 1000, 1>(
        "HTTP_HEADER_TIMEOUT", "seconds, 1 or more",
        "From the first byte of a request to the end of its header."),
    duration<At<&Config::http, &Http::stall_timeout>, 1000, 1>(
        "HTTP_STALL_TIMEOUT", "seconds, 1 or more",
        "A request or a reply of which no byte moves is cut off after so long."),
    duration<At<&Config::http, &Http::answer_timeout>, 1000, 1>(
        "HTTP_ANSWER_TIMEOUT", "seconds, 1 or more",
        "How long a call may take to be answered."),
    duration<At<&Config::sessions, &Sessions::session_time>, 1000, 0>(
        "SESSION_EXPIRATION_TIME", "seconds",
        "A verified password is remembered for so long; 0: it is verified at each call."),
};

const std::vector<ConfigKey> kImageKeys = {
    {"DEFAULT_UMASK", "an octal number such as 177",
     "Permission bits that new objects lack, unless the user's UMASK says otherwise.",
     Times::kOnce, &set_umask, &show_umask},
    {"DEFAULT_IMAGE_TYPE", "OS, CDROM or DATABLOCK", "Type of images that name none.",
     Times::kOnce, &set_image_type, &show_image_type},
    {"DEFAULT_IMAGE_PERSISTENT", "YES or NO", "Whether images that do not say are persistent.",
     Times::kOnce, &set_persistent, &show_persistent},
    prefix<At<&Config::images, &Images::default_prefix>>("DEFAULT_DEVICE_PREFIX",
        "Bus of disks that name none: hd IDE, sd SCSI, vd virtio."),
    prefix<At<&Config::images, &Images::default_cdrom_prefix>>("DEFAULT_CDROM_DEVICE_PREFIX",
        "Bus of CD-ROMs that name none."),
    words<At<&Config::images, &Images::safe_dirs>>("SAFE_DIRS", "directories",
        "Directories whose files anybody may make images of, if a datastore says nothing."),
    words<At<&Config::images, &Images::restricted_dirs>>("RESTRICTED_DIRS", "directories",
        "Directories whose files nobody may make images of, but for SAFE_DIRS."),
    attributes<At<&Config::images, &Images::restricted_attributes>>("IMAGE_RESTRICTED_ATTR",
        "Attribute of images that only administrators may set; may be given again."),
    attributes<At<&Config::vms, &Vms::restricted_attributes>>("VM_RESTRICTED_ATTR",
        "Attribute of VMs and templates that only administrators may set; may be given again."),
    attributes<At<&Config::networks, &network::Settings::restricted_attributes>>(
        "VNET_RESTRICTED_ATTR",
        "Attribute of networks that only administrators may change; may be given again."),
    {"MAC_PREFIX", "two bytes such as 02:00", "What the MAC addresses of networks begin with.",
     Times::kOnce, &set_mac_prefix, &show_mac_prefix},
    duration<At<&Config::datastore_interval>, 1000, 1>("MONITORING_INTERVAL_DATASTORE",
        "seconds, 1 or more", "How often the space of datastores is measured."),
    text<At<&Config::qemu_img>>(
        "QEMU_IMG", "a program", "The qemu-img to use, by path or by name."),
};

Result<void> set_vm_defaults(Config& config, const Values& values) {
  config.vms.vm_defaults = {};
  for (const auto& value : values) {
    const auto defaults = text::Template::parse(value);
    if (!defaults) return wrong_form();
    config.vms.vm_defaults.merge(*defaults);
  }
  return {};
}

Values show_vm_defaults(const Config& config) { return {config.vms.vm_defaults.to_text()}; }

const std::vector<ConfigKey> kSiteKeys = {
    rights<At<&Config::vdc_rights, &Rights::cluster_host>>("DEFAULT_VDC_CLUSTER_HOST_ACL",
        "Right of a VDC's groups on the hosts of its clusters."),
    rights<At<&Config::vdc_rights, &Rights::cluster_network>>("DEFAULT_VDC_CLUSTER_NET_ACL",
        "On their networks."),
    rights<At<&Config::vdc_rights, &Rights::cluster_datastore>>(
        "DEFAULT_VDC_CLUSTER_DATASTORE_ACL", "On their datastores."),
    rights<At<&Config::vdc_rights, &Rights::host>>("DEFAULT_VDC_HOST_ACL",
        "Right of a VDC's groups on its single hosts."),
    rights<At<&Config::vdc_rights, &Rights::network>>("DEFAULT_VDC_VNET_ACL",
        "On its single networks."),
    rights<At<&Config::vdc_rights, &Rights::datastore>>("DEFAULT_VDC_DATASTORE_ACL",
        "On its single datastores."),
    text<At<&Config::hooks, &Hooks::directory>, Empty::kAllowed>("HOOK_LOCATION", "a directory",
        "Programs of hooks lie in it, nowhere else; empty: hooks in STATE_DIR."),
    number<At<&Config::hooks, &Hooks::running_max>, 1, 64>("HOOK_THREADS", "a number from 1 to 64",
        "Hooks that run at a time."),
    duration<At<&Config::hooks, &Hooks::time_max>, 1000, 1>("HOOK_TIMEOUT", "seconds, 1 or more",
        "A hook that names no TIMEOUT is ended after so long."),
    number<At<&Config::hooks, &Hooks::log_length>, 1, 1000>("HOOK_LOG_RETENTION",
        "a number from 1 to 1000", "Executions kept of each hook."),
};

Result<void> set_default_costs(Config& config, const Values& values) {
  const auto vector = vector_from(values[0]);
  if (!vector) return wrong_form();
  compute::DefaultCosts costs;
  for (const auto& [name, text] : vector->items()) {
    double* place = name == "CPU_COST"      ? &costs.cpu
                    : name == "MEMORY_COST" ? &costs.memory
                    : name == "DISK_COST"   ? &costs.disk
                                            : nullptr;
    const auto cost = compute::cost_from(text);
    if (place == nullptr || !cost) return wrong_form();
    *place = *cost;
  }
  config.vms.default_costs = costs;
  return {};
}

Values show_default_costs(const Config& config) {
  const auto& costs = config.vms.default_costs;
  return {text_of_vector({{"CPU_COST", fmt::format("{}", costs.cpu)},
                          {"MEMORY_COST", fmt::format("{}", costs.memory)},
                          {"DISK_COST", fmt::format("{}", costs.disk)}})};
}

const std::vector<ConfigKey> kComputeKeys = {
    {"VM_DEFAULTS", "attributes of a VM, as in a template",
     "What VMs have that say nothing of it, as in OpenNebula's vmm_exec_kvm.conf: FEATURES,"
     " GRAPHICS, CPU_MODEL and the like; may be given again.",
     Times::kMany, &set_vm_defaults, &show_vm_defaults},
    text<At<&Config::vms, &Vms::default_machine>>("DEFAULT_MACHINE", "a machine type of QEMU",
        "Machine of VMs that name none in OS/MACHINE."),
    {"CPU_OVERCOMMIT", "a factor up to 100",
     "How much of a host's CPU may be given to VMs, 1 for what it has.", Times::kOnce,
     &set_overcommit, &show_overcommit},
    text<At<&Config::vms, &Vms::vnc_listen>>("VNC_LISTEN", "an address",
        "Address of VNC consoles that name none."),
    {"DEFAULT_COST", "[ CPU_COST = 0, MEMORY_COST = 0, DISK_COST = 0 ]",
     "What an hour of a CPU, of a MB of memory and of a MB of disk costs where the VM does not"
     " say; for one.vmpool.calculateshowback.",
     Times::kOnce, &set_default_costs, &show_default_costs, true},
    yes_or_no<At<&Config::vms, &Vms::charges_only_running>>("SHOWBACK_ONLY_RUNNING",
        "Whether CPU and memory of a VM cost only while it runs."),
    duration<At<&Config::vms, &Vms::shutdown_limit>, 1000, 1>(
        "SHUTDOWN_TIMEOUT", "seconds, 1 or more",
        "A guest that was asked to shut down and has not obeyed by then goes on running."),
    duration<At<&Config::vms, &Vms::placement_window>, 1, 0>(
        "PLACEMENT_WINDOW", "milliseconds",
        "How long a VM is PENDING before it is placed, together with all that came meanwhile."),
    duration<At<&Config::vms, &Vms::monitor_interval>, 1000, 1>(
        "MONITORING_INTERVAL", "seconds, 1 or more",
        "How often a host is measured and compared with what should run there."),
    duration<At<&Config::monitoring, &Monitoring::hosts>, 1000, 0>(
        "HOST_MONITORING_EXPIRATION_TIME", "seconds",
        "How long is kept what hosts used; 0 keeps only what they use now."),
    duration<At<&Config::monitoring, &Monitoring::vms>, 1000, 0>(
        "VM_MONITORING_EXPIRATION_TIME", "seconds",
        "How long is kept what VMs used; 0 keeps only what they use now."),
    text<At<&Config::vms, &Vms::uri_pattern>>("HOST_URI_PATTERN", "a libvirt URI with NAME in it",
        "libvirt URI of hosts without LIBVIRT_URI; NAME becomes the host's name."),
    yes_or_no<At<&Config::embedded_host>>("EMBEDDED_HOST",
        "Whether there may be a host inside nephd, QEMU on this machine; a new store begins with"
        " it."),
    text<At<&Config::embedded_host_name>>("EMBEDDED_HOST_NAME", "a host's name",
        "Name of that host."),
    text<At<&Config::embedded_root>, Empty::kAllowed>("EMBEDDED_ROOT",
        "a directory of at most 35 characters",
        "Where it keeps sockets and definitions; empty: embed in STATE_DIR if that is short"
        " enough, else a directory in /var/tmp."),
    {"ACCELERATION", "auto, kvm or tcg",
     "How guests run: auto takes KVM where the machine really offers it.", Times::kOnce,
     &set_acceleration, &show_acceleration},
    yes_or_no<At<&Config::snapshots, &Snapshots::is_persistent>>("SNAPSHOT_PERSISTENT",
        "Whether the images that snapshots make are persistent."),
    duration<At<&Config::snapshots, &Snapshots::freeze_limit>, 1000, 1>("SNAPSHOT_FREEZE_TIMEOUT",
        "seconds, 1 or more", "A frozen guest is thawed after so long, come what may."),
    {"SNAPSHOT_COPY_RATE", "MiB per second, 0 for no limit",
     "Bound of each copy that a snapshot makes, in MiB per second.", Times::kOnce, &set_copy_rate,
     &show_copy_rate},
    {"DRIVER_THREADS", "a number from 4 to 256",
     "Threads that work on hosts and disks; two of them are not for jobs.", Times::kOnce,
     &set_driver_threads, &show_driver_threads},
    number<At<&Config::lanes, &Sizes::readers>, 1, 256>("READER_THREADS", "a number from 1 to 256",
        "Threads that answer lists and infos."),
    number<At<&Config::jobs, &Limits::copies_per_datastore>, 1, 64>("COPIES_PER_DATASTORE",
        "a number from 1 to 64", "Copies into one datastore at a time."),
    number<At<&Config::jobs, &Limits::per_host>, 1, 64>("JOBS_PER_HOST", "a number from 1 to 64",
        "Boots, stops and the like on one host at a time."),
};

}  // namespace

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> keys = [] {
    std::vector<ConfigKey> all = kServerKeys;
    all.insert(all.end(), kImageKeys.begin(), kImageKeys.end());
    all.insert(all.end(), kComputeKeys.begin(), kComputeKeys.end());
    all.insert(all.end(), kSiteKeys.begin(), kSiteKeys.end());
    return all;
  }();
  return keys;
}

}  // namespace neph::daemon
