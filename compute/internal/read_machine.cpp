#include <algorithm>
#include <cctype>

#include "base/numbers.h"
#include "base/words.h"
#include "compute/internal/factory.h"
#include "compute/internal/vm_rows.h"

namespace neph::compute {
namespace {

constexpr int kPortMax = 65535;

bool is_uuid(std::string_view text) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return text.size() == kShape.size() &&
         std::equal(text.begin(), text.end(), kShape.begin(), [](char letter, char shape) {
           if (shape == '-') return letter == '-';
           return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f');
         });
}

/// What becomes a name in the domain: letters that no machine, model or keymap goes without.
bool is_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char letter) {
    return std::isalnum(letter) != 0 || letter == '-' || letter == '_' || letter == '.';
  });
}

Result<void> check_word(std::string_view name, const std::string& value) {
  if (is_word(value)) return {};
  return fail(Errc::kInvalid, "{} = \"{}\" is not a name", name, value);
}

Result<void> read_uuid(Reading& reading, text::Vector& os) {
  Vm& vm = reading.fresh.vm;
  vm.uuid = lower(os.get("UUID"));
  if (vm.uuid.empty()) vm.uuid = random_uuid();
  if (!is_uuid(vm.uuid)) return fail(Errc::kInvalid, "OS/UUID = \"{}\" is not a UUID", vm.uuid);
  // Two domains of one UUID cannot be on one host, and events name domains by it.
  if (const auto other = find_living_by_uuid(reading.txn, vm.uuid)) {
    return fail(Errc::kConflict, "OS/UUID {} is that of VM {}", vm.uuid, *other);
  }
  os.set("UUID", vm.uuid);
  return {};
}

Result<void> check_firmware(const Reading& reading, const std::string& firmware) {
  const std::string name = upper(firmware);
  if (name.empty() || name == "BIOS" || name == "UEFI" || name == "EFI") return {};
  if (!firmware.starts_with('/')) {
    return fail(Errc::kInvalid, "OS/FIRMWARE = \"{}\" is neither BIOS, UEFI nor a path", firmware);
  }
  if (reading.actor.is_admin()) return {};
  return fail(Errc::kDenied, "VM Template includes a restricted attribute OS/FIRMWARE");
}

Result<void> read_os(Reading& reading) {
  const auto* asked = reading.ask.find_vector("OS");
  text::Vector os = asked == nullptr ? text::Vector{} : *asked;
  CHECK_OK(read_uuid(reading, os));
  CHECK_OK(check_word("OS/ARCH", os.get("ARCH")));
  CHECK_OK(check_word("OS/MACHINE", os.get("MACHINE")));
  CHECK_OK(check_firmware(reading, os.get("FIRMWARE")));
  for (const auto* key : {"KERNEL_DS", "INITRD_DS"}) {
    if (os.has(key)) {
      return fail(Errc::kInvalid, "OS/{} is refused: there are no datastores of files yet", key);
    }
  }
  reading.fresh.vm.attributes.set("OS", std::move(os));
  return {};
}

Result<void> read_graphics(Reading& reading) {
  const auto* asked = reading.ask.find_vector("GRAPHICS");
  if (asked == nullptr) return {};
  text::Vector graphics = *asked;
  const std::string type = upper(graphics.get("TYPE"));
  if (type != "VNC" && type != "SPICE") {
    return fail(Errc::kInvalid, "GRAPHICS/TYPE = \"{}\" is neither vnc nor spice",
                graphics.get("TYPE"));
  }
  const std::string port = graphics.get("PORT", "-1");
  const auto number = integer_from(port);
  if (!number || *number < -1 || *number == 0 || *number > kPortMax) {
    return fail(Errc::kInvalid, "GRAPHICS/PORT = \"{}\" is neither a TCP port nor -1", port);
  }
  CHECK_OK(check_word("GRAPHICS/KEYMAP", graphics.get("KEYMAP")));
  graphics.inherit("LISTEN", reading.settings.vnc_listen);
  if (graphics.is_yes("RANDOM_PASSWD")) {
    // Eight letters are all that VNC looks at.
    graphics.inherit("PASSWD", random_uuid().substr(0, 8));
  }
  reading.fresh.vm.attributes.set("GRAPHICS", std::move(graphics));
  return {};
}

Result<void> check_inputs(const text::Template& ask) {
  for (const auto* input : ask.vectors("INPUT")) {
    const std::string type = input->get("TYPE");
    if (type != "tablet" && type != "mouse" && type != "keyboard") {
      return fail(Errc::kInvalid, "INPUT/TYPE = \"{}\" is neither tablet, mouse nor keyboard",
                  type);
    }
    const std::string bus = input->get("BUS");
    if (!bus.empty() && bus != "usb" && bus != "ps2" && bus != "virtio") {
      return fail(Errc::kInvalid, "INPUT/BUS = \"{}\" is neither usb, ps2 nor virtio", bus);
    }
  }
  return {};
}

}  // namespace

Result<void> read_machine(Reading& reading) {
  CHECK_OK(read_os(reading));
  CHECK_OK(read_graphics(reading));
  CHECK_OK(check_inputs(reading.ask));
  if (const auto* model = reading.ask.find_vector("CPU_MODEL")) {
    CHECK_OK(check_word("CPU_MODEL/MODEL", model->get("MODEL")));
  }
  return {};
}

}  // namespace neph::compute
