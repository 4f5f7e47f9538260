#include "tests/golden/facts.h"

namespace neph::view::golden {
namespace {

network::AddressRange range_of(std::string_view ip, std::int64_t size) {
  network::AddressRange range;
  range.network = NetworkId{1};
  range.id = AddressRangeId{0};
  range.size = size;
  range.ip = network::Ip4::parse(ip);
  range.mac = network::Mac::of(0x0200, range.ip->bits);
  return range;
}

network::AddressRange both_families() {
  auto range = range_of("10.0.1.1", 16);
  range.id = AddressRangeId{1};
  range.type = network::RangeType::kIp4And6;
  range.global_prefix = network::Ip6::parse("2001:db8::");
  range.ula_prefix = network::Ip6::parse("fd00:1::");
  return range;
}

network::Lease lease_at(AddressRangeId range, std::int64_t position) {
  network::Lease lease;
  lease.network = NetworkId{1};
  lease.range = range;
  lease.position = position;
  return lease;
}

}  // namespace

NetworkFacts private_network() {
  NetworkFacts facts;
  auto& network = facts.network;
  network.id = NetworkId{1};
  network.name = "private";
  network.owner = UserId{0};
  network.group = GroupId{0};
  network.vn_mad = "dummy";
  network.bridge = "br0";
  network.bridge_type = "linux";
  network.clusters = {ClusterId{100}};
  network.attributes = text::Template::parse(
                           "DNS=\"10.0.0.1\" GATEWAY=\"10.0.0.1\" NETWORK_ADDRESS=\"10.0.0.0\""
                           " NETWORK_MASK=\"255.255.255.0\" SECURITY_GROUPS=\"0\"")
                           .value();
  facts.names = {"oneadmin", "oneadmin"};
  facts.ranges = {range_of("10.0.0.10", 50), both_families()};
  facts.ranges[0].next_free = 1;
  auto of_vm = lease_at(AddressRangeId{0}, 0);
  of_vm.vm = VmId{1};
  of_vm.nic = NicId{0};
  auto held = lease_at(AddressRangeId{0}, 4);
  held.kind = network::LeaseKind::kHeld;
  auto reserved = lease_at(AddressRangeId{0}, 20);
  reserved.kind = network::LeaseKind::kReserved;
  reserved.reservation = NetworkId{2};
  auto outdated = lease_at(AddressRangeId{1}, 3);
  outdated.vm = VmId{2};
  outdated.nic = NicId{0};
  outdated.is_outdated = true;
  facts.leases = {of_vm, held, reserved, outdated};
  return facts;
}

NetworkFacts reservation() {
  NetworkFacts facts = private_network();
  facts.network.id = NetworkId{2};
  facts.network.name = "part";
  facts.network.owner = UserId{2};
  facts.network.group = GroupId{1};
  facts.network.parent = NetworkId{1};
  facts.names = {"alice", "users"};
  facts.ranges = {range_of("10.0.0.30", 1)};
  facts.ranges[0].network = NetworkId{2};
  facts.ranges[0].parent_range = AddressRangeId{0};
  facts.ranges[0].parent_position = 20;
  facts.leases.clear();
  return facts;
}

SecurityGroupFacts default_group() {
  SecurityGroupFacts facts;
  facts.group.id = network::kDefaultSecurityGroup;
  facts.group.name = "default";
  facts.group.owner = UserId{0};
  facts.group.group = GroupId{0};
  facts.group.permissions = {0744};
  facts.group.attributes =
      text::Template::parse("DESCRIPTION=\"Everything passes.\""
                            " RULE=[PROTOCOL=ALL, RULE_TYPE=OUTBOUND]"
                            " RULE=[PROTOCOL=ALL, RULE_TYPE=INBOUND]")
          .value();
  facts.names = {"oneadmin", "oneadmin"};
  facts.vms = {VmId{1}, VmId{2}};
  return facts;
}

SecurityGroupFacts web_group() {
  SecurityGroupFacts facts = default_group();
  facts.group.id = SecurityGroupId{100};
  facts.group.name = "web";
  facts.group.attributes =
      text::Template::parse("RULE=[PROTOCOL=TCP, RULE_TYPE=INBOUND, RANGE=\"80,443\"]").value();
  facts.vms = {VmId{2}};
  return facts;
}

}  // namespace neph::view::golden
