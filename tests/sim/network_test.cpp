#include <set>

#include "base/numbers.h"
#include "compute/vm.h"
#include "network/network_service.h"
#include "network/security_group_service.h"
#include "tests/sim/site.h"

namespace neph {
namespace {

using compute::Action;

class NetworkSim : public Site {
 protected:
  NetworkId make_network(int size, const std::string& more = "") {
    const auto made = run<NetworkId>([&](db::Txn& txn) {
      return networks_.allocate(
          txn, admin_,
          text::Template::parse(
              fmt::format("NAME=lan VN_MAD=bridge BRIDGE=br0 GATEWAY=\"10.0.0.1\" "
                          "NETWORK_MASK=\"255.255.255.0\" AR=[TYPE=IP4, IP=10.0.0.10, SIZE={}] {}",
                          size, more))
              .value(),
          ClusterId{});
    });
    EXPECT_TRUE(made) << made.error().text();
    return made.value_or(NetworkId{});
  }
  text::Vector nic(VmId id, int number = 0) {
    return read<text::Vector>([&](db::Txn& txn) {
      return compute::list_nics(txn, id).at(static_cast<std::size_t>(number)).attributes;
    });
  }
  std::size_t nics(VmId id) {
    return read<std::size_t>([&](db::Txn& txn) { return compute::list_nics(txn, id).size(); });
  }
  text::Vector context(VmId id) { return *vm(id).attributes.find_vector("CONTEXT"); }
  compute::NewVmAsk ask_of(const std::string& more) {
    compute::NewVmAsk ask;
    ask.attributes = text::Template::parse(
                         fmt::format("CPU=0.01 MEMORY=1 DISK=[IMAGE_ID={}] {}", base_, more))
                         .value();
    return ask;
  }
  /// Begins to make a VM, or to end one, and takes the power away after so many tasks.
  /// \returns whether there was anything left to do
  template <class T>
  bool run_and_cut(std::function<Result<T>(db::Txn&)> work, int tasks) {
    daemon().store.run<T>(std::move(work), [](Result<T>) {});
    bool is_cut = true;
    for (int done = 0; done < tasks && is_cut; ++done) is_cut = lanes().run_one();
    kill();
    return is_cut;
  }
  /// Addresses that NICs of living VMs show, and those that are leased, by VM and NIC.
  void expect_leases_fit(std::string_view when) {
    using Held = std::set<std::pair<std::string, std::string>>;
    const auto shown = read<Held>([](db::Txn& txn) {
      Held all;
      for (const auto id : compute::list_vms(txn, compute::Which::kLiving)) {
        for (const auto& nic : compute::list_nics(txn, id))
          all.emplace(fmt::format("{}/{}", id, nic.id), nic.attributes.get("IP"));
      }
      return all;
    });
    std::multiset<std::string> addresses;
    const auto leased = read<Held>([&](db::Txn& txn) {
      Held all;
      for (const auto& lease : network::list_leases(txn, NetworkId{0})) {
        const auto range = network::find_range(txn, lease.network, lease.range).value();
        const auto address = range.at(lease.position).ip->text();
        addresses.insert(address);
        all.emplace(fmt::format("{}/{}", lease.vm, lease.nic), address);
      }
      return all;
    });
    EXPECT_EQ(shown, leased) << when;
    for (const auto& address : addresses) EXPECT_EQ(addresses.count(address), 1U) << address;
  }

  network::NetworkService networks_;
};

TEST_F(NetworkSim, AVmHasItsAddressFromThePendingStateOnAndUntilItIsDone) {
  make_network(2);
  const VmId held = create_vm("SUBMIT_ON_HOLD=YES NIC=[NETWORK=lan]");
  const VmId running = create_vm("NIC=[NETWORK=lan]");
  EXPECT_EQ(shown(held), "HOLD");
  EXPECT_EQ(shown(running), "RUNNING");
  EXPECT_EQ(nic(held).get("IP"), "10.0.0.10");
  EXPECT_EQ(nic(running).get("IP"), "10.0.0.11");
  EXPECT_EQ(nic(running).get("TARGET"), fmt::format("one-{}-0", running));
  const auto full = run<VmId>([&](db::Txn& txn) {
    return daemon().vms.allocate(txn, admin_, ask_of("NIC=[NETWORK=lan]"));
  });
  ASSERT_FALSE(full);
  EXPECT_NE(full.error().message.find("no free address"), std::string::npos);
  act(running, Action::kPoweroff);
  expect_leases_fit("powered off");
  act(running, Action::kTerminateHard);
  EXPECT_EQ(shown(running), "DONE");
  expect_leases_fit("done");
  EXPECT_EQ(nic(create_vm("NIC=[NETWORK=lan]")).get("IP"), "10.0.0.11");
}

TEST_F(NetworkSim, AGuestIsToldItsAddressAndIsConnectedToTheBridge) {
  make_network(5, "DNS=\"9.9.9.9\"");
  const VmId id = create_vm(
      "NIC=[NETWORK=lan] CONTEXT=[NETWORK=YES, PEER=\"$NIC[IP, NETWORK=\\\"lan\\\"]\","
      " MASK=\"$NETWORK[NETWORK_MASK, NETWORK_ID=0]\"]");
  const auto context = *vm(id).attributes.find_vector("CONTEXT");
  EXPECT_EQ(context.get("ETH0_IP"), "10.0.0.10");
  EXPECT_EQ(context.get("ETH0_MAC"), "02:00:0a:00:00:0a");
  EXPECT_EQ(context.get("ETH0_MASK"), "255.255.255.0");
  EXPECT_EQ(context.get("ETH0_GATEWAY"), "10.0.0.1");
  EXPECT_EQ(context.get("ETH0_DNS"), "9.9.9.9");
  EXPECT_EQ(context.get("PEER"), "10.0.0.10");
  EXPECT_EQ(context.get("MASK"), "255.255.255.0");
  const auto spec = read<Result<hypervisor_driver::DomainSpec>>([&](db::Txn& txn) {
    return compute::domain_spec(compute::plan_of(txn, id).value(), daemon().vms.settings());
  });
  ASSERT_TRUE(spec) << spec.error().text();
  EXPECT_EQ(spec->nics.at(0).source, "br0");
  EXPECT_EQ(spec->nics.at(0).mac, "02:00:0a:00:00:0a");
}

TEST_F(NetworkSim, ANicJoinsSecurityGroupsAndLeavesThemRunningOrOff) {
  make_network(5);
  const auto group = run<SecurityGroupId>([&](db::Txn& txn) {
    return network::create_security_group(
        txn, admin_,
        text::Template::parse("NAME=web RULE=[PROTOCOL=TCP, RANGE=\"80\", RULE_TYPE=inbound]")
            .value());
  }).value();
  const VmId id = create_vm("NIC=[NETWORK=lan]");
  const auto change = [&](auto verb) {
    return run<int>([&](db::Txn& txn) -> Result<int> {
      CHECK_OK((daemon().vms.*verb)(txn, id, NicId{0}, group));
      return 0;
    });
  };
  const auto members = [&] {
    return read<std::vector<VmId>>(
        [&](db::Txn& txn) { return network::list_vms_in(txn, group); });
  };
  const auto rules = [&] {
    return read<std::size_t>([&](db::Txn& txn) { return network::list_rules_of(txn, id).size(); });
  };
  using Vms = compute::VmService;
  const auto before = nic(id);
  const auto rules_before = rules();
  for (const bool is_running : {true, false}) {
    if (!is_running) act(id, Action::kPoweroff);
    EXPECT_FALSE(change(&Vms::detach_security_group)) << "it is not in it";
    ASSERT_TRUE(change(&Vms::attach_security_group));
    EXPECT_FALSE(change(&Vms::attach_security_group)) << "it is in it already";
    EXPECT_EQ(nic(id).get("SECURITY_GROUPS"),
              fmt::format("{}{}{}", before.get("SECURITY_GROUPS"),
                          before.get("SECURITY_GROUPS").empty() ? "" : ",", group));
    EXPECT_EQ(members(), std::vector<VmId>{id});
    EXPECT_EQ(rules(), rules_before + 1);
    ASSERT_TRUE(change(&Vms::detach_security_group));
    EXPECT_EQ(nic(id), before);
    EXPECT_EQ(members(), std::vector<VmId>{});
  }
  ASSERT_TRUE(change(&Vms::attach_security_group));
  act(id, Action::kTerminate);
  EXPECT_EQ(members(), std::vector<VmId>{}) << "the VM has ended";
}

TEST_F(NetworkSim, ANicOfANetworkIsChangedAndKeepsItsAddress) {
  make_network(5, "INBOUND_AVG_BW=\"100\" OUTBOUND_AVG_BW=\"200\"");
  const VmId id = create_vm("NIC=[NETWORK=lan, INBOUND_AVG_BW=\"50\"]");
  const auto update = [&](const std::string& text, bool is_append) {
    return run<int>([&](db::Txn& txn) -> Result<int> {
      CHECK_OK(daemon().vms.update_nic(txn, admin_, id, NicId{0},
                                       text::Template::parse("NIC=[" + text + "]").value(),
                                       is_append));
      return 0;
    });
  };
  const auto before = nic(id);
  for (const bool is_running : {true, false}) {
    if (!is_running) act(id, Action::kPoweroff);
    ASSERT_TRUE(update("OUTBOUND_AVG_BW=\"256\", IP=\"10.0.0.10\"", /*is_append=*/true));
    EXPECT_EQ(nic(id).get("OUTBOUND_AVG_BW"), "256");
    EXPECT_EQ(nic(id).get("INBOUND_AVG_BW"), "50");
    EXPECT_FALSE(nic(id).has("ATTACH"));
    ASSERT_TRUE(update("OUTBOUND_AVG_BW=\"300\"", /*is_append=*/false));
    EXPECT_EQ(nic(id).get("OUTBOUND_AVG_BW"), "300");
    EXPECT_EQ(nic(id).get("INBOUND_AVG_BW"), "100") << "what the network says";
    for (const auto* key : {"IP", "MAC", "NETWORK_ID", "BRIDGE", "NAME", "TARGET", "MODEL"}) {
      EXPECT_EQ(nic(id).get(key), before.get(key)) << key;
    }
    const auto moved = update("IP=\"10.0.0.11\"", /*is_append=*/true);
    ASSERT_FALSE(moved);
    EXPECT_NE(moved.error().message.find("detach it and attach another"), std::string::npos);
    expect_leases_fit("changed");
    ASSERT_TRUE(update("INBOUND_AVG_BW=\"50\"", /*is_append=*/true));
  }
}

TEST_F(NetworkSim, AnAliasIsAnAddressMoreWithoutADevice) {
  make_network(5);
  const VmId id = create_vm(
      "CONTEXT=[NETWORK=YES] NIC_ALIAS=[NETWORK=lan, PARENT=inner] NIC=[NETWORK=lan, NAME=inner]");
  ASSERT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(nic(id, 0).get("ALIAS_IDS"), "1");
  const auto alias = nic(id, 1);
  EXPECT_EQ(alias.get("PARENT_ID"), "0");
  EXPECT_EQ(alias.get("ALIAS_ID"), "0");
  EXPECT_EQ(alias.get("NAME"), "NIC0_ALIAS0");
  EXPECT_EQ(alias.get("IP"), "10.0.0.11");
  EXPECT_EQ(alias.get("TARGET"), nic(id, 0).get("TARGET"));
  EXPECT_EQ(context(id).get("ETH0_IP"), "10.0.0.10");
  EXPECT_EQ(context(id).get("ETH0_ALIAS0_IP"), "10.0.0.11");
  EXPECT_FALSE(context(id).has("ETH1_IP"));
  EXPECT_EQ(world().find_domain(compute::domain_name(id))->nics.size(), 1u);
  expect_leases_fit("with an alias");
  act(id, Action::kTerminate);
  expect_leases_fit("ended");
}

TEST_F(NetworkSim, AliasesComeAndGoWithTheirNic) {
  make_network(9);
  const VmId id = create_vm("CONTEXT=[NETWORK=YES] NIC=[NETWORK=lan]");
  const auto attach = [&](const std::string& text) {
    return change([&](db::Txn& txn) {
      return daemon().vms.attach_nic(txn, admin_, id, text::Template::parse(text).value());
    });
  };
  const auto detach = [&](int number) {
    return change([&](db::Txn& txn) {
      return daemon().vms.detach_nic(txn, UserId{0}, id, NicId{number});
    });
  };
  for (const bool is_running : {true, false}) {
    if (!is_running) act(id, Action::kPoweroff);
    const std::string state = shown(id);
    ASSERT_TRUE(attach("NIC=[NETWORK=lan]"));
    const auto fresh = nic(id, 1);
    const std::string parent = fresh.get("NIC_ID");
    EXPECT_EQ(context(id).get("ETH" + parent + "_IP"), fresh.get("IP"));
    const std::string ask = "NIC_ALIAS=[NETWORK=lan, PARENT=NIC" + parent + "]";
    ASSERT_TRUE(attach(ask));
    ASSERT_TRUE(attach(ask));
    EXPECT_EQ(shown(id), state);
    EXPECT_EQ(nic(id, 3).get("ALIAS_ID"), "1");
    EXPECT_EQ(context(id).get("ETH" + parent + "_ALIAS1_IP"), nic(id, 3).get("IP"));
    EXPECT_EQ(nic(id, 1).get("ALIAS_IDS"),
              nic(id, 2).get("NIC_ID") + "," + nic(id, 3).get("NIC_ID"));
    const auto number = static_cast<int>(*integer_from(nic(id, 2).get("NIC_ID")));
    const auto changed = change([&](db::Txn& txn) {
      return daemon().vms.update_nic(txn, admin_, id, NicId{number},
                                     text::Template::parse("NIC=[METRIC=3]").value(), true);
    });
    EXPECT_EQ(changed.error().code, Errc::kWrongState);
    ASSERT_TRUE(detach(number));
    EXPECT_EQ(nic(id, 1).get("ALIAS_IDS"), nic(id, 2).get("NIC_ID"));
    EXPECT_FALSE(context(id).has("ETH" + parent + "_ALIAS0_IP"));
    expect_leases_fit("one alias less");
    ASSERT_TRUE(detach(static_cast<int>(*integer_from(parent))));
    EXPECT_EQ(shown(id), state);
    EXPECT_EQ(nics(id), 1u);
    const auto left = context(id);
    for (const auto& [key, value] : left.items()) {
      EXPECT_FALSE(key.starts_with("ETH" + parent + "_")) << key;
    }
    expect_leases_fit("parent gone");
  }
}

TEST_F(NetworkSim, AnAliasNeedsANicAndANetwork) {
  make_network(5);
  const VmId id = create_vm("NIC=[NETWORK=lan] NIC_ALIAS=[NETWORK=lan, PARENT=NIC0]");
  const auto refusal = [&](const std::string& text) {
    const auto done = change([&](db::Txn& txn) {
      return daemon().vms.attach_nic(txn, admin_, id, text::Template::parse(text).value());
    });
    return done ? "" : done.error().message;
  };
  EXPECT_EQ(refusal("NIC_ALIAS=[NETWORK=lan]"),
            "NIC_ALIAS 2: PARENT is missing, the NAME of a NIC");
  for (const auto* parent : {"NIC7", "NIC0_ALIAS0"}) {
    EXPECT_NE(refusal(fmt::format("NIC_ALIAS=[NETWORK=lan, PARENT={}]", parent)).find(parent),
              std::string::npos);
  }
  EXPECT_NE(refusal("NIC_ALIAS=[BRIDGE=br0, PARENT=NIC0]").find("NETWORK or NETWORK_ID"),
            std::string::npos);
  EXPECT_NE(refusal("NIC=[NETWORK=lan] NIC_ALIAS=[NETWORK=lan, PARENT=NIC0]").find("one is needed"),
            std::string::npos);
  EXPECT_EQ(nics(id), 2u);
  expect_leases_fit("refused");
}

TEST_F(NetworkSim, AVmIsPlacedOnlyWhereItsNetworksAre) {
  const auto lan = make_network(5);
  const auto elsewhere = run<ClusterId>([&](db::Txn& txn) -> Result<ClusterId> {
    txn.exec("INSERT INTO clusters(id, name) VALUES (100, 'elsewhere')");
    txn.exec("INSERT INTO cluster_datastores VALUES (100, 0), (100, 1)");
    CHECK_OK(networks_.add_to_cluster(txn, lan, ClusterId{100}));
    CHECK_OK(networks_.remove_from_cluster(txn, lan, ClusterId{0}));
    return ClusterId{100};
  });
  ASSERT_TRUE(elsewhere) << elsewhere.error().text();
  const VmId id = create_vm("NIC=[NETWORK=lan]");
  EXPECT_EQ(shown(id), "PENDING");
  EXPECT_NE(vm(id).pending_reason.find("CLUSTER_ID = 100"), std::string::npos)
      << vm(id).pending_reason;
  const auto forced = run<int>([&](db::Txn& txn) -> Result<int> {
    compute::VmService::DeployAsk ask;
    ask.vm = id;
    ask.host = HostId{0};
    CHECK_OK(daemon().vms.deploy(txn, UserId{0}, ask));
    return 0;
  });
  ASSERT_FALSE(forced);
  EXPECT_NE(forced.error().message.find("virtual network [0]"), std::string::npos);
}

TEST_F(NetworkSim, NoTwoVmsGetOneAddressHoweverTheyComeAndGo) {
  make_network(20);
  std::vector<VmId> living;
  for (int round = 0; round < 60; ++round) {
    const bool comes = living.size() < 15 && round % 3 != 2;
    if (comes) {
      living.push_back(create_vm("NIC=[NETWORK=lan]"));
    } else {
      const auto victim = living.begin() + (round * 7) % static_cast<int>(living.size());
      act(*victim, Action::kTerminateHard);
      living.erase(victim);
    }
    if (round % 10 == 9) kill();
    expect_leases_fit(fmt::format("round {}", round));
  }
}

TEST_F(NetworkSim, APowerCutAnywhereLeavesEveryLeaseWithAVm) {
  make_network(200);
  for (int tasks = 0;; ++tasks) {
    const bool is_cut = run_and_cut<VmId>(
        [&](db::Txn& txn) {
          return daemon().vms.allocate(txn, admin_, ask_of("NIC=[NETWORK=lan]"));
        },
        tasks);
    expect_leases_fit(fmt::format("made, cut after {}", tasks));
    if (!is_cut) break;
  }
  const auto all = read<std::vector<VmId>>([](db::Txn& txn) {
    return compute::list_vms(txn, compute::Which::kLiving);
  });
  ASSERT_GT(all.size(), 3U);
  for (int tasks = 0; tasks < static_cast<int>(all.size()); ++tasks) {
    const VmId id = all[static_cast<std::size_t>(tasks)];
    run_and_cut<int>(
        [&](db::Txn& txn) -> Result<int> {
          CHECK_OK(daemon().vms.act(txn, UserId{0}, id, Action::kTerminateHard));
          return 0;
        },
        tasks);
    expect_leases_fit(fmt::format("ended, cut after {}", tasks));
  }
}

}  // namespace
}  // namespace neph
