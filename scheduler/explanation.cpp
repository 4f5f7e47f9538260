#include "scheduler/internal/explanation.h"

#include <algorithm>

namespace neph::scheduler::internal {
namespace {

constexpr std::size_t kNameBytesMax = 40;
constexpr std::size_t kExpressionBytesMax = 100;

struct Wording {
  std::string one;   ///< "host node1 (id 0) lacks memory (...)"
  std::string many;  ///< "lack memory (...)"
};

/// One part of the sentence. The first candidate of a group is named when its figures or its name
/// help; a requirement that nothing matches is better told once for all.
void append_group(std::string& sentence, std::string_view noun, const Misfits::Group& group,
                  const Wording& wording, bool names_the_first) {
  if (group.count == 0) return;
  const std::string_view more = sentence.empty() ? "" : "more ";
  if (!sentence.empty()) sentence += "; ";
  if (group.count == 1) {
    sentence += wording.one;
  } else if (!names_the_first) {
    sentence += fmt::format("{} {}{}s {}", group.count, more, noun, wording.many);
  } else {
    sentence += fmt::format("{}; {} more {}{} {}", wording.one, group.count - 1, noun,
                            group.count == 2 ? "" : "s", wording.many);
  }
}

/// Verbs for one and for many: "is disabled", "are disabled".
Wording worded(const std::string& subject, std::string_view one, std::string_view many,
               const std::string& figures = "") {
  return {fmt::format("{} {}{}", subject, one, figures), std::string(many)};
}

std::string label(std::string_view noun, const std::string& name, std::int64_t id) {
  return fmt::format("{} {} (id {})", noun, shortened(name, kNameBytesMax), id);
}

Wording host_wording(Misfit misfit, const PendingVm& vm, const HostState& state,
                     const std::string& datastores) {
  const HostCandidate& host = *state.host;
  const std::string subject = label("host", host.name, host.id.value);
  switch (misfit) {
    case Misfit::kMemory:
      return worded(subject, "lacks memory", "lack memory",
                    fmt::format(" (needs {} KB, {} KB free)", vm.memory_kb, state.memory_free_kb));
    case Misfit::kCpu:
      return worded(subject, "lacks CPU", "lack CPU",
                    fmt::format(" (needs {} percent of a core, {} free)", vm.cpu_percent,
                                state.cpu_free));
    case Misfit::kNoDatastore:
      return worded(subject, "has no fitting system datastore", "have no fitting system datastore",
                    fmt::format(" ({})", shortened(datastores, kReasonBytesMax / 2)));
    case Misfit::kAutomaticRequirements: {
      const auto text = shortened(vm.automatic_requirements, kExpressionBytesMax);
      return worded(subject, "does not match AUTOMATIC_REQUIREMENTS " + text,
                    "do not match AUTOMATIC_REQUIREMENTS " + text);
    }
    case Misfit::kRequirements: {
      const auto text = shortened(vm.requirements, kExpressionBytesMax);
      return worded(subject, "does not match SCHED_REQUIREMENTS " + text,
                    "do not match SCHED_REQUIREMENTS " + text);
    }
    case Misfit::kUnreachable:
      return worded(subject, "is not reachable", "are not reachable",
                    host.state_name.empty() ? "" : fmt::format(" (state {})", host.state_name));
    default: return worded(subject, "is disabled", "are disabled");
  }
}

Wording datastore_wording(Misfit misfit, const PendingVm& vm, const DatastoreState& state) {
  const std::string subject = label("datastore", state.datastore->name, state.datastore->id.value);
  switch (misfit) {
    case Misfit::kSpace:
      return worded(subject, "lacks space", "lack space",
                    fmt::format(" (needs {} MB, {} MB free)", vm.disk_mb, state.free_mb));
    case Misfit::kOtherCluster:
      return worded(subject, "is in another cluster", "are in other clusters");
    case Misfit::kRequirements: {
      const auto text = shortened(vm.datastore_requirements, kExpressionBytesMax);
      return worded(subject, "does not match SCHED_DS_REQUIREMENTS " + text,
                    "do not match SCHED_DS_REQUIREMENTS " + text);
    }
    default: return worded(subject, "is disabled", "are disabled");
  }
}

bool has_figures(Misfit misfit) {
  return misfit != Misfit::kRequirements && misfit != Misfit::kAutomaticRequirements &&
         misfit != Misfit::kOtherCluster;
}

/// All groups, in the order of Misfit. `word` makes the wording for (misfit, first candidate).
template <class Word>
std::string all_groups(std::string_view noun, const Misfits& misfits, const Word& word) {
  std::string sentence;
  for (int i = 0; i < static_cast<int>(Misfit::kCount); ++i) {
    const auto misfit = static_cast<Misfit>(i);
    const auto& group = misfits.of(misfit);
    if (group.count > 0)
      append_group(sentence, noun, group, word(misfit, group.first), has_figures(misfit));
  }
  return sentence;
}

}  // namespace

std::string explain_hosts(const PendingVm& vm, const std::vector<HostState>& hosts,
                          const Misfits& misfits, const std::string& datastores) {
  const auto text = all_groups("host", misfits, [&](Misfit misfit, std::size_t index) {
    return host_wording(misfit, vm, hosts[index], datastores);
  });
  return shortened("no host fits: " + (text.empty() ? "there are no hosts" : text),
                   kReasonBytesMax);
}

std::string explain_datastores(const PendingVm& vm, const std::vector<DatastoreState>& datastores,
                               const Misfits& misfits) {
  const auto text = all_groups("datastore", misfits, [&](Misfit misfit, std::size_t index) {
    return datastore_wording(misfit, vm, datastores[index]);
  });
  return text.empty() ? "there are no system datastores" : text;
}

std::string shortened(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  std::size_t end = bytes_max - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) --end;
  return std::string(text.substr(0, end)) + "...";
}

}  // namespace neph::scheduler::internal
