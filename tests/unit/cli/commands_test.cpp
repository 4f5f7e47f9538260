#include <gtest/gtest.h>

#include "fake_server.h"

namespace neph::cli {
namespace {

using Words = std::vector<std::string>;

/// What is typed, and the one call it must become.
struct Case {
  std::string typed;  ///< words with blanks between them
  std::string call;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.typed; }

Words words_of(const std::string& typed) {
  std::istringstream text(typed);
  Words words;
  for (std::string word; text >> word;) words.push_back(word);
  return words;
}

class OneCall : public testing::TestWithParam<Case> {};

TEST_P(OneCall, IsBuiltFromWhatIsTyped) {
  Bench bench;
  const std::string method = GetParam().call.substr(0, GetParam().call.find('('));
  bench.server.answer(method, ok_id(11));
  EXPECT_EQ(bench.run(words_of(GetParam().typed)), ExitCode::kOk) << bench.err.str();
  EXPECT_EQ(bench.server.calls, Words({GetParam().call}));
  EXPECT_EQ(bench.server.session, "\"ann:secret\"");
}

TEST(VmResume, TellsWhatTheSnapshotThatFiredWillNotShow) {
  Bench bench;
  bench.server.answer("one.vm.action", ok_id(3));
  bench.server.answer("one.vm.info",
                      ok_text("<VM><ID>3</ID><USER_TEMPLATE><SNAPSHOT_NOTICE>image 7 shows the "
                              "past</SNAPSHOT_NOTICE></USER_TEMPLATE></VM>"));
  EXPECT_EQ(bench.run({"vm", "resume", "3"}), ExitCode::kOk) << bench.err.str();
  EXPECT_EQ(bench.server.calls.front(), "one.vm.action(\"resume\", 3)");
  EXPECT_EQ(bench.err.str(), "note: VM 3: image 7 shows the past\n");
}

INSTANTIATE_TEST_SUITE_P(
    Job, OneCall,
    testing::Values(
        Case{"job cancel 7", "neph.job.cancel(7)"},
        Case{"job retry 7", "neph.job.retry(7)"},
        Case{"host lost 4 --name node3", "neph.host.lost(4, \"node3\")"}));

INSTANTIATE_TEST_SUITE_P(
    Vm, OneCall,
    testing::Values(
        Case{"vm poweroff 3", "one.vm.action(\"poweroff\", 3)"},
        Case{"vm poweroff --hard 3", "one.vm.action(\"poweroff-hard\", 3)"},
        Case{"vm reboot 3", "one.vm.action(\"reboot\", 3)"},
        Case{"vm reboot 3 --hard", "one.vm.action(\"reboot-hard\", 3)"},
        Case{"vm suspend 3", "one.vm.action(\"suspend\", 3)"},
        Case{"vm stop 3", "one.vm.action(\"stop\", 3)"},
        Case{"vm undeploy 3 --hard", "one.vm.action(\"undeploy-hard\", 3)"},
        Case{"vm terminate 3", "one.vm.action(\"terminate\", 3)"},
        Case{"vm terminate 3 --hard", "one.vm.action(\"terminate-hard\", 3)"},
        Case{"vm hold 3", "one.vm.action(\"hold\", 3)"},
        Case{"vm release 3", "one.vm.action(\"release\", 3)"},
        Case{"vm resched 3", "one.vm.action(\"resched\", 3)"},
        Case{"vm unresched 3", "one.vm.action(\"unresched\", 3)"},
        Case{"vm deploy 3 1", "one.vm.deploy(3, 1)"},
        Case{"vm disk-attach 3 --image 5", "one.vm.attach(3, \"DISK=[IMAGE_ID=\"5\"]\n\")"},
        Case{"vm nic-attach 3 --network 5 --alias NIC0",
             "one.vm.attachnic(3, \"NIC_ALIAS=[NETWORK_ID=\"5\",PARENT=\"NIC0\"]\n\")"},
        Case{"vm disk-detach 3 1", "one.vm.detach(3, 1)"},
        Case{"vm disk-resize 3 0 2048", "one.vm.diskresize(3, 0, \"2048\")"},
        Case{"vm disk-snapshot-create 3 0 p", "one.vm.disksnapshotcreate(3, 0, \"p\")"},
        Case{"vm disk-snapshot-revert 3 0 2", "one.vm.disksnapshotrevert(3, 0, 2)"},
        Case{"vm disk-snapshot-delete 3 0 2", "one.vm.disksnapshotdelete(3, 0, 2)"},
        Case{"vm system-snapshot-create 3 p", "one.vm.snapshotcreate(3, \"p\")"},
        Case{"vm system-snapshot-revert 3 2", "one.vm.snapshotrevert(3, 2)"},
        Case{"vm system-snapshot-delete 3 2", "one.vm.snapshotdelete(3, 2)"},
        Case{"vm nic-detach 3 1", "one.vm.detachnic(3, 1)"},
        Case{"vm sg-attach 3 0 100", "one.vm.attachsg(3, 0, 100)"},
        Case{"vm sg-detach 3 0 100", "one.vm.detachsg(3, 0, 100)"},
        Case{"vm migrate 3 1 --live", "one.vm.migrate(3, 1, true, false, -1, 0)"},
        Case{"vm migrate 3 1 --poweroff-hard", "one.vm.migrate(3, 1, false, false, -1, 2)"},
        Case{"vm backup-cancel 3", "one.vm.backupcancel(3)"},
        Case{"vm restore 3 7", "one.vm.restore(3, 7, -1, -1)"},
        Case{"vm restore 3 7 --disk 1", "one.vm.restore(3, 7, -1, 1)"},
        Case{"vm recover 3 --failure", "one.vm.recover(3, 0)"},
        Case{"vm recover 3 --success", "one.vm.recover(3, 1)"},
        Case{"vm recover 3 --retry", "one.vm.recover(3, 2)"},
        Case{"vm recover 3 --delete", "one.vm.recover(3, 3)"},
        Case{"vm rename 3 web", "one.vm.rename(3, \"web\")"},
        Case{"vm rename 3 list", "one.vm.rename(3, \"list\")"},
        Case{"vm rename 3 image", "one.vm.rename(3, \"image\")"},
        Case{"vm chmod 3 640", "one.vm.chmod(3, 1, 1, 0, 1, 0, 0, 0, 0, 0)"},
        Case{"vm chown 3 2", "one.vm.chown(3, 2, -1)"},
        Case{"vm chown 3 2 100", "one.vm.chown(3, 2, 100)"},
        Case{"vm update 3 --set NOTE=x=y", "one.vm.update(3, \"NOTE=\"x=y\"\n\", 1)"},
        Case{"vm create --image 4",
             "one.vm.allocate(\"CPU=\"1\"\nMEMORY=\"512\"\nDISK=[IMAGE_ID=\"4\"]\n\", false)"},
        Case{"vm create --image 4 --image 5 --name w --cpu 0.5 --vcpu 2 --memory 256 --hold "
             "--context A=1 B=2",
             "one.vm.allocate(\"NAME=\"w\"\nCPU=\"0.5\"\nVCPU=\"2\"\nMEMORY=\"256\"\n"
             "DISK=[IMAGE_ID=\"4\"]\nDISK=[IMAGE_ID=\"5\"]\nCONTEXT=[A=\"1\",B=\"2\"]\n\", true)"},
        Case{"vm create --template 8 --name w",
             "one.template.instantiate(8, \"w\", false, \"\", false)"},
        Case{"template instantiate 8 --hold --persistent --memory 64",
             "one.template.instantiate(8, \"\", true, \"MEMORY=\"64\"\n\", true)"}));

INSTANTIATE_TEST_SUITE_P(
    Image, OneCall,
    testing::Values(
        Case{"image create --name n --size 10",
             "one.image.allocate(\"NAME=\"n\"\nSIZE=\"10\"\nTYPE=\"DATABLOCK\"\n"
             "PERSISTENT=\"NO\"\n\", 1)"},
        Case{"image create --name n --path /nowhere/x.img -d 100 --format qcow2 --persistent",
             "one.image.allocate(\"NAME=\"n\"\nPATH=\"/nowhere/x.img\"\nTYPE=\"OS\"\n"
             "FORMAT=\"qcow2\"\nPERSISTENT=\"YES\"\n\", 100)"},
        Case{"image delete 4", "one.image.delete(4)"},
        Case{"image rename 4 n", "one.image.rename(4, \"n\")"},
        Case{"image clone 4 n", "one.image.clone(4, \"n\", -1)"},
        Case{"image clone 4 n -d 100", "one.image.clone(4, \"n\", 100)"},
        Case{"image persistent 4", "one.image.persistent(4, true)"},
        Case{"image nonpersistent 4", "one.image.persistent(4, false)"},
        Case{"image enable 4", "one.image.enable(4, true)"},
        Case{"image disable 4", "one.image.enable(4, false)"},
        Case{"image chmod 4 604", "one.image.chmod(4, 1, 1, 0, 0, 0, 0, 1, 0, 0)"},
        Case{"image chown 4 0 0", "one.image.chown(4, 0, 0)"},
        Case{"image update 4 --set A=b", "one.image.update(4, \"A=\"b\"\n\", 1)"},
        Case{"image verify 4", "neph.image.verify(4)"}));

INSTANTIATE_TEST_SUITE_P(
    Others, OneCall,
    testing::Values(
        Case{"template delete 8", "one.template.delete(8)"},
        Case{"template rename 8 n", "one.template.rename(8, \"n\")"},
        Case{"host create node1", "one.host.allocate(\"node1\", \"kvm\", \"kvm\", -1)"},
        Case{"host create n --im dummy --vm dummy --cluster 100",
             "one.host.allocate(\"n\", \"dummy\", \"dummy\", 100)"},
        Case{"host delete 1", "one.host.delete(1)"},
        Case{"host enable 1", "one.host.status(1, 0)"},
        Case{"host disable 1", "one.host.status(1, 1)"},
        Case{"host offline 1", "one.host.status(1, 2)"},
        Case{"host update 1 --set LIBVIRT_URI=qemu:///system",
             "one.host.update(1, \"LIBVIRT_URI=\"qemu:///system\"\n\", 1)"},
        Case{"datastore update 1 --set A=b", "one.datastore.update(1, \"A=\"b\"\n\", 1)"},
        Case{"user create bob pw", "one.user.allocate(\"bob\", \"pw\", \"core\")"},
        Case{"user create bob pw --group 1 --group 100",
             "one.user.allocate(\"bob\", \"pw\", \"core\", [1 100])"},
        Case{"user delete 5", "one.user.delete(5)"},
        Case{"user passwd 5 pw", "one.user.passwd(5, \"pw\")"},
        Case{"user chgrp 5 100", "one.user.chgrp(5, 100)"},
        Case{"snapshot cancel 7", "neph.snapshot.cancel(7)"},
        Case{"snapshot retry 7", "neph.snapshot.retry(7)"},
        Case{"snapshot capture 7", "neph.snapshot.capture(7)"},
        Case{"snapshot discard 7 --image gold", "neph.snapshot.discard(7, \"gold\")"}));

/// What is typed, and the call that fetches the document.
class OneDocument : public testing::TestWithParam<Case> {};

TEST_P(OneDocument, IsAskedForAndPassedOnAsItCame) {
  Bench bench;
  const std::string method = GetParam().call.substr(0, GetParam().call.find('('));
  bench.server.answer(method, ok_text("<ANY><ID>3</ID></ANY>"));
  auto words = words_of(GetParam().typed);
  words.push_back("-x");
  EXPECT_EQ(bench.run(words), ExitCode::kOk) << bench.err.str();
  EXPECT_EQ(bench.server.calls, Words({GetParam().call}));
  EXPECT_EQ(bench.out.str(), "<ANY><ID>3</ID></ANY>\n");
}

INSTANTIATE_TEST_SUITE_P(
    ListAndShow, OneDocument,
    testing::Values(
        Case{"vm list", "one.vmpool.info(-2, -1, -1, -1)"},
        Case{"vm list --all", "one.vmpool.info(-2, -1, -1, -2)"},
        Case{"vm show 3", "one.vm.info(3)"},
        Case{"image list", "one.imagepool.info(-2, -1, -1)"},
        Case{"image show 3", "one.image.info(3)"},
        Case{"template list", "one.templatepool.info(-2, -1, -1)"},
        Case{"template show 3", "one.template.info(3)"},
        Case{"host list", "one.hostpool.info()"}, Case{"host show 3", "one.host.info(3)"},
        Case{"datastore list", "one.datastorepool.info()"},
        Case{"datastore show 3", "one.datastore.info(3)"},
        Case{"user list", "one.userpool.info()"}, Case{"user show 3", "one.user.info(3)"},
        Case{"group list", "one.grouppool.info()"}, Case{"group show 3", "one.group.info(3)"},
        Case{"cluster list", "one.clusterpool.info()"},
        Case{"cluster show 3", "one.cluster.info(3)"},
        Case{"snapshot list", "neph.snapshot.list(-3, -1)"},
        Case{"snapshot list --all", "neph.snapshot.list(-2, -1)"},
        Case{"snapshot list --vm 9", "neph.snapshot.list(-2, 9)"},
        Case{"snapshot show 3", "neph.snapshot.info(3)"},
        Case{"snapshot create 3 0 gold",
             "neph.snapshot.create(3, \"0\", \"gold\", \"KIND=\"HOT\"\n\")"},
        Case{"snapshot create 3 0,2 gold --deferred --when first-stop --quiesce require "
             "--datastore 100 --description d --non-persistent",
             "neph.snapshot.create(3, \"0,2\", \"gold\", \"KIND=\"DEFERRED\"\n"
             "WHEN=\"FIRST_STOP\"\nQUIESCE=\"REQUIRE\"\nDESCRIPTION=\"d\"\nPERSISTENT=\"NO\"\n"
             "DATASTORE_ID=\"100\"\n\")"}));

/// Command lines that never reach the server.
class Nonsense : public testing::TestWithParam<std::string> {};

TEST_P(Nonsense, IsAUsageErrorThatCallsNothing) {
  Bench bench;
  EXPECT_EQ(bench.run(words_of(GetParam())), ExitCode::kUsage);
  EXPECT_TRUE(bench.server.calls.empty());
  EXPECT_EQ(bench.err.str().rfind("neph: ", 0), 0U) << bench.err.str();
}

INSTANTIATE_TEST_SUITE_P(
    Lines, Nonsense,
    testing::Values("vm", "vm lst", "frobnicate", "vm poweroff", "vm suspend 3 --hard",
                    "vm recover 3", "vm recover 3 --retry --delete", "vm create",
                    "vm create --image 1 --template 2", "vm create --image 1 --persistent",
                    "vm create --image 1 --cpu many", "vm create --image 1 --context novalue",
                    "vm create /nowhere/file", "vm chmod 3 999", "vm update 3",
                    "vm update 3 /nowhere/file", "vm poweroff 5..1", "vm poweroff 3 --timeout 5",
                    "image create --name n", "image create --name n --size 1 --path /x",
                    "image create --size 1", "snapshot create 3 vda gold",
                    "snapshot create 3 0", "snapshot create 3 0 n --hot --deferred",
                    "snapshot create 3 0 n --when end", "snapshot create 3 0 n --quiesce maybe",
                    "snapshot discard 7", "snapshot discard gold --image gold",
                    "vm list -x --json"));

TEST(Ranges, BecomeACallForEachObjectAndGoOnAfterARefusal) {
  Bench bench;
  bench.server.answer("one.vm.action", ok_id(1));
  bench.server.answer("one.vm.action", refusal(2048, "[one.vm.action] not now"));
  bench.server.answer("one.vm.action", ok_id(3));
  EXPECT_EQ(bench.run({"vm", "suspend", "1..3"}), ExitCode::kRefused);
  EXPECT_EQ(bench.server.calls.size(), 3U);
  EXPECT_EQ(bench.err.str(), "neph: [one.vm.action] not now\n");
}

TEST(Ranges, MayBeSeveralWords) {
  Bench bench;
  bench.server.answer("one.vm.action", ok_id(1));
  EXPECT_EQ(bench.run({"vm", "suspend", "1,2", "7"}), ExitCode::kOk);
  EXPECT_EQ(bench.server.calls.back(), "one.vm.action(\"suspend\", 7)");
}

TEST(Templates, AreSentAsTheyStandInStandardInput) {
  Bench bench;
  bench.in.str("# remark\nNAME = web\nCPU=1\n");
  bench.server.answer("one.template.allocate", ok_id(8));
  EXPECT_EQ(bench.run({"template", "create", "-"}), ExitCode::kOk) << bench.err.str();
  EXPECT_EQ(bench.server.calls,
            Words({"one.template.allocate(\"# remark\nNAME = web\nCPU=1\n\")"}));
  EXPECT_EQ(bench.out.str(), "ID: 8\n");
}

TEST(Templates, ThatDoNotParseStayHere) {
  Bench bench;
  bench.in.str("NAME = [");
  EXPECT_EQ(bench.run({"datastore", "create", "-"}), ExitCode::kUsage);
  EXPECT_TRUE(bench.server.calls.empty());
}

TEST(Templates, InstantiatedWithContextKeepTheirOwnContext) {
  Bench bench;
  bench.server.answer("one.template.info",
                      ok_text("<VMTEMPLATE><TEMPLATE><CONTEXT><NETWORK>YES</NETWORK></CONTEXT>"
                              "</TEMPLATE></VMTEMPLATE>"));
  bench.server.answer("one.template.instantiate", ok_id(5));
  EXPECT_EQ(bench.run({"vm", "create", "--template", "8", "--context", "M=1"}), ExitCode::kOk);
  EXPECT_EQ(bench.server.calls.back(),
            "one.template.instantiate(8, \"\", false, \"CONTEXT=[NETWORK=\"YES\",M=\"1\"]\n\", "
            "false)");
}

TEST(Passwords, ComeFromStandardInputForADash) {
  Bench bench;
  bench.in.str("s3cret\n");
  bench.server.answer("one.user.passwd", ok_id(5));
  EXPECT_EQ(bench.run({"user", "passwd", "5", "-"}), ExitCode::kOk);
  EXPECT_EQ(bench.server.calls.back(), "one.user.passwd(5, \"s3cret\")");
}

TEST(Tokens, AreForTheCallerUnlessSomebodyElseIsNamed) {
  Bench bench;
  bench.server.answer("one.user.login", ok_text("abc123"));
  EXPECT_EQ(bench.run({"user", "login"}), ExitCode::kOk);
  EXPECT_EQ(bench.run({"user", "login", "bob", "--time", "-1"}), ExitCode::kOk);
  EXPECT_EQ(bench.server.calls, Words({"one.user.login(\"ann\", \"\", 86400)",
                                       "one.user.login(\"bob\", \"\", -1)"}));
  EXPECT_EQ(bench.out.str(), "abc123\nabc123\n");
}

TEST(ProgramNames, OfOpenNebulaStandForAKindOfObject) {
  Bench bench;
  bench.server.answer("one.vm.action", ok_id(3));
  EXPECT_EQ(bench.run({"suspend", "3"}, "/usr/bin/onevm"), ExitCode::kOk) << bench.err.str();
  EXPECT_EQ(bench.server.calls, Words({"one.vm.action(\"suspend\", 3)"}));
}

TEST(Errors, KeepTheServersWordsAndExitCode) {
  Bench bench;
  bench.server.answer("one.vm.info", refusal(1024, "[one.vm.info] Error getting VM [9]."));
  EXPECT_EQ(bench.run({"vm", "show", "9"}), ExitCode::kRefused);
  EXPECT_EQ(bench.err.str(), "neph: [one.vm.info] Error getting VM [9].\n");
}

TEST(Errors, NameTheCredentialsThatWereRefused) {
  Bench bench;
  bench.server.answer("one.vm.info", refusal(256, "[one.vm.info] no"));
  EXPECT_EQ(bench.run({"vm", "show", "9"}), ExitCode::kRefused);
  EXPECT_EQ(bench.err.str(), "neph: [one.vm.info] no (credentials from --auth)\n");
}

TEST(Errors, TellAServerThatIsAwayApart) {
  Bench bench;
  bench.server.go_away();
  EXPECT_EQ(bench.run({"vm", "resume", "1..3"}), ExitCode::kUnreachable);
  EXPECT_EQ(bench.err.str(), "neph: cannot reach nephd at http://test/RPC2\n");
}

TEST(Errors, NameAWordThatIsNoCommand) {
  Bench bench;
  EXPECT_EQ(bench.run({"vm", "lst"}), ExitCode::kUsage);
  EXPECT_EQ(bench.err.str(), "neph: \"lst\" is not a command here (see: neph --help)\n");
}

TEST(Help, GoesToStandardOutput) {
  Bench bench;
  EXPECT_EQ(bench.run({"vm", "--help"}), ExitCode::kOk);
  EXPECT_NE(bench.out.str().find("poweroff"), std::string::npos);
  EXPECT_TRUE(bench.err.str().empty());
}

constexpr const char* kVmPool =
    "<VM_POOL><VM><ID>12</ID><UNAME>ann</UNAME><GNAME>users</GNAME><NAME>web</NAME><STATE>3"
    "</STATE><LCM_STATE>3</LCM_STATE><STIME>1699996400</STIME><ETIME>0</ETIME><TEMPLATE><CPU>0.5"
    "</CPU><MEMORY>512</MEMORY></TEMPLATE><HISTORY_RECORDS><HISTORY><HOSTNAME>n1</HOSTNAME>"
    "</HISTORY></HISTORY_RECORDS></VM></VM_POOL>";

TEST(Lists, AreTables) {
  Bench bench;
  bench.server.answer("one.vmpool.info", ok_text(kVmPool));
  EXPECT_EQ(bench.run({"vm", "list"}), ExitCode::kOk);
  EXPECT_EQ(bench.out.str(),
            "ID  USER  GROUP  NAME  STAT  CPU        MEM  HOST      TIME\n"
            "12  ann   users  web   runn  0.5  512.0 MiB  n1    0d 01h00\n");
}

TEST(Lists, HaveTheColumnsThatAreAskedFor) {
  Bench bench;
  bench.server.answer("one.vmpool.info", ok_text(kVmPool));
  EXPECT_EQ(bench.run({"vm", "list", "-l", "name,ID", "--csv", "--no-header"}), ExitCode::kOk);
  EXPECT_EQ(bench.out.str(), "web,12\n");
  EXPECT_EQ(bench.run({"vm", "list", "-l", "colour"}), ExitCode::kUsage);
}

TEST(Lists, AreJsonWhenAsked) {
  Bench bench;
  bench.server.answer("one.hostpool.info", ok_text("<HOST_POOL><HOST><ID>1</ID></HOST>"
                                                   "</HOST_POOL>"));
  EXPECT_EQ(bench.run({"host", "list", "--json"}), ExitCode::kOk);
  EXPECT_EQ(bench.out.str(),
            "{\n  \"HOST_POOL\": {\n    \"HOST\": [\n      {\n        \"ID\": \"1\"\n      }\n"
            "    ]\n  }\n}\n");
}

TEST(Show, PrintsFieldsPartsAndTemplates) {
  Bench bench;
  bench.server.answer(
      "one.vm.info",
      ok_text("<VM><ID>3</ID><NAME>web</NAME><STATE>3</STATE><LCM_STATE>36</LCM_STATE>"
              "<PERMISSIONS><OWNER_U>1</OWNER_U></PERMISSIONS><TEMPLATE><DISK><DISK_ID>0</DISK_ID>"
              "<TARGET>vda</TARGET></DISK></TEMPLATE><USER_TEMPLATE><NOTE>say \"x\"</NOTE>"
              "</USER_TEMPLATE></VM>"));
  EXPECT_EQ(bench.run({"vm", "show", "3"}), ExitCode::kOk);
  const std::string text = bench.out.str();
  EXPECT_NE(text.find("STATE             : BOOT_FAILURE\n"), std::string::npos) << text;
  EXPECT_NE(text.find("PERMISSIONS       : u--------\n"), std::string::npos) << text;
  EXPECT_NE(text.find("0        vda"), std::string::npos) << text;
  EXPECT_NE(text.find("NOTE=\"say \\\"x\\\"\"\n"), std::string::npos) << text;
  EXPECT_NE(text.find("DISK=[ DISK_ID=\"0\", TARGET=\"vda\" ]\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace neph::cli
