#include "compute/vm.h"
#include "tests/sim/cloud/cloud.h"
#include "tests/sim/cloud/oracle.h"

namespace neph::cloud {
namespace {

constexpr Duration kLookEvery{1'200'000};
/// Longer than any back-off, stall limit and interval.
constexpr Duration kCalm{720'000};

/// Everybody leaves: what is left afterwards would be left for ever.
void end_everything(Cloud& cloud) {
  const auto vms = cloud.read<std::vector<VmId>>(
      [](db::Txn& txn) { return compute::list_vms(txn, compute::Which::kLiving); });
  for (const VmId vm : vms) {
    const auto id = api::Value{static_cast<std::int32_t>(vm.value)};
    cloud.call(UserId{0}, "one.vm.action", {api::Value{std::string{"terminate-hard"}}, id},
               [&cloud, id](const Result<api::Answer>& answer) {
                 if (!answer)
                   cloud.call(UserId{0}, "one.vm.recover", {id, api::Value{std::int32_t{3}}});
               });
  }
}

void enable_hosts(Cloud& cloud) {
  for (std::int32_t host = 0; host < cloud.plan().hosts; ++host)
    cloud.call(UserId{0}, "one.host.status", {api::Value{host}, api::Value{std::int32_t{0}}});
}

void retry_failed(Cloud& cloud) {
  for (const auto& snapshot : cloud.oracle().failed())
    cloud.call(snapshot.owner, "neph.snapshot.retry",
               {api::Value{static_cast<std::int32_t>(snapshot.id.value)}});
}

/// The product's own look over the site must find nothing, where everything is at rest.
void check_site(Cloud& cloud) {
  cloud.call(UserId{0}, "neph.check", {api::Value{false}}, [&cloud](const auto& started) {
    if (!started) return cloud.complain("neph.check is refused: " + started.error().text());
    const auto job = static_cast<std::int32_t>(std::get<std::int64_t>(*started));
    cloud.after(kCalm / 2, [&cloud, job] {
      cloud.call(UserId{0}, "neph.check.info", {api::Value{job}}, [&cloud](const auto& report) {
        if (!report) return cloud.complain("no report of a check: " + report.error().text());
        const auto& document = std::get<std::string>(*report);
        if (document.find("<FINDING>") != std::string::npos ||
            document.find("<UNSEEN>") != std::string::npos)
          cloud.complain("neph check finds " + document);
      });
    });
  });
  cloud.run_until(cloud.now() + kCalm);
}

}  // namespace

Report live(const Plan& plan) {
  Cloud cloud(plan);
  const Instant end = cloud.now() + plan.length;
  send_people(cloud, end);
  send_weather(cloud, end);
  for (Instant at = cloud.now() + kLookEvery; at < end; at = at + kLookEvery) {
    cloud.run_until(at);
    cloud.oracle().look_over();
    if (!cloud.report().complaints.empty()) break;
  }
  cloud.run_until(end);
  clear_weather(cloud);
  cloud.run_until(cloud.now() + kCalm);
  enable_hosts(cloud);
  cloud.run_until(cloud.now() + kCalm);
  cloud.oracle().judge(false);
  // A failure that is told to be tried again, in good weather, must not fail.
  retry_failed(cloud);
  cloud.run_until(cloud.now() + kCalm);
  end_everything(cloud);
  cloud.run_until(cloud.now() + kCalm);
  retry_failed(cloud);
  cloud.run_until(cloud.now() + kCalm);
  cloud.oracle().judge(true);
  check_site(cloud);
  return std::move(cloud.report());
}

}  // namespace neph::cloud
