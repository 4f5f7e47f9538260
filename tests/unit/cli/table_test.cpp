#include "cli/table.h"

#include <gtest/gtest.h>

#include "cli/columns.h"
#include "cli/progress_text.h"
#include "cli/states.h"

namespace neph::cli {
namespace {

Table people() {
  Table table({{"ID", Align::kRight}, {"NAME", Align::kLeft, Shrink::kMayShrink}, {"STAT"}});
  table.add({"7", "a name that is rather long", "runn"});
  table.add({"112", "b", "poff"});
  return table;
}

TEST(Table, AlignsColumnsAndLeavesNoBlanksAtTheEnd) {
  EXPECT_EQ(people().text(0, Header::kShown),
            " ID  NAME                        STAT\n"
            "  7  a name that is rather long  runn\n"
            "112  b                           poff\n");
}

TEST(Table, CutsColumnsThatMayShrinkToTheTerminal) {
  EXPECT_EQ(people().text(20, Header::kShown),
            " ID  NAME       STAT\n"
            "  7  a name t…  runn\n"
            "112  b          poff\n");
}

TEST(Table, NeverCutsColumnsThatMayNot) {
  EXPECT_EQ(people().text(5, Header::kHidden),
            "  7  a n…  runn\n"
            "112  b     poff\n");
}

TEST(Table, CountsCharactersAndNotBytes) {
  Table table({{"NAME", Align::kLeft, Shrink::kMayShrink}, {"X"}});
  table.add({"Grüße aus Köln", "1"});
  EXPECT_EQ(table.text(0, Header::kHidden), "Grüße aus Köln  1\n");
  EXPECT_EQ(table.text(8, Header::kHidden), "Grüß…  1\n");
}

TEST(Table, KeepsACellOnOneLine) {
  Table table({{"A"}, {"B"}});
  table.add({"x\ny\x1b[31m", "1"});
  EXPECT_EQ(table.text(0, Header::kHidden), "x y [31m  1\n");
}

TEST(Table, QuotesCsvCells) {
  Table table({{"A"}, {"B"}});
  table.add({"plain", "a,b \"c\""});
  table.add({"two\nlines", ""});
  EXPECT_EQ(table.csv(Header::kShown),
            "A,B\nplain,\"a,b \"\"c\"\"\"\n\"two\nlines\",\n");
  EXPECT_EQ(table.csv(Header::kHidden), "plain,\"a,b \"\"c\"\"\"\n\"two\nlines\",\n");
}

TEST(States, NameTheNumbersOfTheWire) {
  EXPECT_EQ(vm_state_name(3, 3), "RUNNING");
  EXPECT_EQ(vm_state_name(3, 36), "BOOT_FAILURE");
  EXPECT_EQ(vm_state_name(8, 0), "POWEROFF");
  EXPECT_EQ(vm_state_short(3, 3), "runn");
  EXPECT_EQ(vm_state_short(3, 71), "rest");
  EXPECT_EQ(vm_state_short(1, 0), "pend");
  EXPECT_EQ(image_state_name(4), "LOCKED");
  EXPECT_EQ(image_state_short(10), "lock");
  EXPECT_EQ(image_type_name(2), "DATABLOCK");
  EXPECT_EQ(host_state_short(8), "off");
  EXPECT_EQ(datastore_type_name(1), "SYSTEM");
}

TEST(States, ShowNumbersTheyDoNotKnow) {
  EXPECT_EQ(vm_state_name(12, 0), "?12");
  EXPECT_EQ(vm_state_name(3, 72), "?72");
  EXPECT_EQ(image_state_short(-1), "?-1");
}

TEST(Columns, WriteTimesAgesAndPermissions) {
  EXPECT_EQ(columns::time_text(Instant{1'795'232'296'000}), "2026-11-21 03:38:16");
  EXPECT_EQ(columns::time_text(Instant{0}), "-");
  EXPECT_EQ(columns::age_text(Duration{((3 * 24 + 4) * 60 + 5) * 60'000}), "3d 04h05");
  EXPECT_EQ(columns::age_text(Duration{-5'000}), "0d 00h00");
  const auto bits = Element::parse(
      "<PERMISSIONS><OWNER_U>1</OWNER_U><OWNER_M>1</OWNER_M><GROUP_U>1</GROUP_U>"
      "<OTHER_A>1</OTHER_A></PERMISSIONS>");
  EXPECT_EQ(columns::permissions_text(*bits), "um-u----a");
}

Report copying() {
  return {.phase = "copying",
          .bytes_done = 482'344'960,
          .bytes_total = 1'073'741'824,
          .rate = 126'000'000,
          .seconds_left = 65};
}

TEST(Progress, DrawsABar) {
  EXPECT_EQ(progress_bar("snapshot 7", copying(), 200),
            "snapshot 7: copying [#############-----------------] 44%  460.0 MiB of 1.0 GiB, "
            "120.2 MiB/s, 1 min 05 s left");
}

TEST(Progress, KeepsToTheWidthOfTheTerminal) {
  EXPECT_EQ(display_width(progress_bar("snapshot 7", copying(), 40)), 40U);
  EXPECT_EQ(display_width(progress_bar("snapshot 7", copying(), 3)), 3U);
}

TEST(Progress, WritesALineForLogs) {
  EXPECT_EQ(progress_line("snapshot 7", copying()),
            "snapshot 7: copying 44%, 460.0 MiB of 1.0 GiB, 120.2 MiB/s, 1 min 05 s left");
  EXPECT_EQ(progress_line("VM 3", {.phase = "PENDING", .note = "no host\nfits"}),
            "VM 3: PENDING (no host fits)");
}

TEST(Progress, NeverShowsMoreThanAll) {
  EXPECT_EQ(percent_of({.bytes_done = 5, .bytes_total = 4}), 100);
  EXPECT_EQ(percent_of({.bytes_done = 5, .bytes_total = 0}), -1);
  EXPECT_EQ(percent_of({.bytes_done = std::int64_t{1} << 62,
                        .bytes_total = std::int64_t{1} << 62}), 100);
}

TEST(Progress, WritesSpansOfTime) {
  EXPECT_EQ(span_text(5), "5 s");
  EXPECT_EQ(span_text(125), "2 min 05 s");
  EXPECT_EQ(span_text(3'780), "1 h 03 min");
}

}  // namespace
}  // namespace neph::cli
