#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "drivers/datastore/fs/internal/qcow2_header.h"
#include "tests/contract/datastore/expect.h"

namespace neph::datastore_driver::fs {
namespace {

using Image = std::vector<std::byte>;

void put(Image& image, std::size_t at, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i)
    image[at + i] = static_cast<std::byte>(value >> (8 * (width - 1 - i)));
}
void put32(Image& image, std::size_t at, std::uint32_t value) { put(image, at, value, 4); }
void put64(Image& image, std::size_t at, std::uint64_t value) { put(image, at, value, 8); }
void put_text(Image& image, std::size_t at, const std::string& text) {
  std::memcpy(image.data() + at, text.data(), text.size());
}

/// A sound version 3 header of a 1 GiB disk in one cluster of 64 KiB.
Image sound_image() {
  Image image(65536);
  put32(image, 0, 0x514649fb);
  put32(image, 4, 3);
  put32(image, 20, 16);
  put64(image, 24, 1U << 30);
  put32(image, 96, 4);
  put32(image, 100, 112);
  return image;
}

void put_backing(Image& image, const std::string& name) {
  put64(image, 8, 1024);
  put32(image, 16, static_cast<std::uint32_t>(name.size()));
  put_text(image, 1024, name);
}

struct HostileCase {
  const char* name;
  std::function<void(Image&)> spoil;
};

const HostileCase kMalformed[] = {
    {"NoMagic", [](Image& i) { put32(i, 0, 0x514649fa); }},
    {"Empty", [](Image& i) { i.clear(); }},
    {"OnlyMagic", [](Image& i) { i.resize(4); }},
    {"CutInVersion2", [](Image& i) { i.resize(71); }},
    {"CutInVersion3", [](Image& i) { i.resize(100); }},
    {"CutInExtensions", [](Image& i) { i.resize(115); }},
    {"VersionZero", [](Image& i) { put32(i, 4, 0); }},
    {"VersionFour", [](Image& i) { put32(i, 4, 4); }},
    {"ClustersTooSmall", [](Image& i) { put32(i, 20, 8); }},
    {"ClustersTooLarge", [](Image& i) { put32(i, 20, 22); }},
    {"ClusterBitsThatWrap", [](Image& i) { put32(i, 20, 0xffffffff); }},
    {"SizeBeyond63Bits", [](Image& i) { put64(i, 24, ~std::uint64_t{0}); }},
    {"HeaderTooShort", [](Image& i) { put32(i, 100, 96); }},
    {"HeaderOddLength", [](Image& i) { put32(i, 100, 105); }},
    {"HeaderLongerThanItsCluster", [](Image& i) { put32(i, 100, 65544); }},
    {"HeaderLengthThatWraps", [](Image& i) { put32(i, 100, 0xfffffff8); }},
    {"RefcountsTooWide", [](Image& i) { put32(i, 96, 7); }},
    {"BackingNameFarAway", [](Image& i) { put64(i, 8, ~std::uint64_t{0}); put32(i, 16, 8); }},
    {"BackingNameInTheHeader", [](Image& i) { put64(i, 8, 4); put32(i, 16, 8); }},
    {"BackingNamePastTheCluster", [](Image& i) { put64(i, 8, 65530); put32(i, 16, 8); }},
    {"BackingNameTooLong", [](Image& i) { put64(i, 8, 1024); put32(i, 16, 1024); }},
    {"BackingNameOfNoBytes", [](Image& i) { put64(i, 8, 1024); }},
    {"BackingNameWithNul", [](Image& i) { put_backing(i, std::string("/a\0/b", 5)); }},
    {"ExtensionPastTheCluster", [](Image& i) { put32(i, 112, 1); put32(i, 116, 65536); }},
    {"ExtensionSizeThatWraps",
     [](Image& i) { put32(i, 112, 1); put32(i, 116, 0xffffffff); }},
    {"EmptyDataFileName", [](Image& i) { put32(i, 112, 0x44415441); }},
};

const HostileCase kRefused[] = {
    {"BackingFile", [](Image& i) { put_backing(i, "/etc/shadow"); }},
    {"BackingJson", [](Image& i) { put_backing(i, "json:{\"driver\":\"nbd\"}"); }},
    {"ExternalDataBit", [](Image& i) { put64(i, 72, kQcow2ExternalData); }},
    {"DataFileName",
     [](Image& i) { put32(i, 112, 0x44415441); put32(i, 116, 8); put_text(i, 120, "/dev/sda"); }},
    {"DataFileNameBehindAnotherExtension",
     [](Image& i) {
       put32(i, 112, 0x6803f857);
       put32(i, 116, 5);
       put32(i, 128, 0x44415441);
       put32(i, 132, 8);
       put_text(i, 136, "/dev/sda");
     }},
    {"UnknownFeature", [](Image& i) { put64(i, 72, std::uint64_t{1} << 5); }},
    {"UnknownHighFeature", [](Image& i) { put64(i, 72, std::uint64_t{1} << 63); }},
    {"Corrupt", [](Image& i) { put64(i, 72, kQcow2Corrupt); }},
    {"Dirty", [](Image& i) { put64(i, 72, kQcow2Dirty); }},
    {"Encrypted", [](Image& i) { put32(i, 32, 2); }},
    {"NoSize", [](Image& i) { put64(i, 24, 0); }},
};

std::string case_name(const testing::TestParamInfo<HostileCase>& info) { return info.param.name; }
void PrintTo(const HostileCase& hostile, std::ostream* out) { *out << hostile.name; }

class MalformedQcow2Header : public testing::TestWithParam<HostileCase> {};

TEST_P(MalformedQcow2Header, IsNotRead) {
  Image image = sound_image();
  GetParam().spoil(image);
  EXPECT_FAILS(Errc::kInvalid, read_qcow2_header(image));
}

INSTANTIATE_TEST_SUITE_P(Fs, MalformedQcow2Header, testing::ValuesIn(kMalformed), case_name);

class StrangersQcow2Header : public testing::TestWithParam<HostileCase> {};

TEST_P(StrangersQcow2Header, IsReadAndRefusedWithAReason) {
  Image image = sound_image();
  GetParam().spoil(image);
  const auto header = read_qcow2_header(image);
  ASSERT_TRUE(header) << header.error().text();
  EXPECT_NE(reason_to_refuse(*header), "");
}

INSTANTIATE_TEST_SUITE_P(Fs, StrangersQcow2Header, testing::ValuesIn(kRefused), case_name);

TEST(Qcow2Header, SoundOneIsReadAndNotRefused) {
  const auto header = read_qcow2_header(sound_image());
  ASSERT_TRUE(header) << header.error().text();
  EXPECT_EQ(header->version, 3U);
  EXPECT_EQ(header->virtual_size, 1 << 30);
  EXPECT_EQ(reason_to_refuse(*header), "");
}

TEST(Qcow2Header, VersionTwoHasNoFeatureBits) {
  Image image = sound_image();
  put32(image, 4, 2);
  // In version 2 the extensions stand where version 3 keeps its feature bits.
  put64(image, 72, 0);
  put32(image, 100, 7);
  const auto header = read_qcow2_header(image);
  ASSERT_TRUE(header) << header.error().text();
  EXPECT_EQ(header->incompatible_features, 0U);
}

TEST(Qcow2Header, BackingNameAndFormatAreRead) {
  Image image = sound_image();
  put_backing(image, "/images/base.raw");
  put32(image, 112, 0xe2792aca);
  put32(image, 116, 3);
  put_text(image, 120, "raw");
  const auto header = read_qcow2_header(image);
  ASSERT_TRUE(header) << header.error().text();
  EXPECT_EQ(header->backing_path, "/images/base.raw");
  EXPECT_EQ(header->backing_format, "raw");
}

TEST(Qcow2Header, CompressionAndExtendedEntriesAreKnown) {
  Image image = sound_image();
  put64(image, 72, kQcow2Compression | kQcow2ExtendedL2);
  EXPECT_EQ(reason_to_refuse(*read_qcow2_header(image)), "");
}

TEST(Qcow2Header, NoBytesWhateverBringTheReaderDown) {
  constexpr unsigned kSeed = 20231117;
  std::mt19937 random(kSeed);
  int read = 0;
  for (int round = 0; round < 20000; ++round) {
    Image image = sound_image();
    image.resize(512);
    put32(image, 20, 9);
    for (int spoiled = 0; spoiled < 4; ++spoiled)
      image[random() % 160] = static_cast<std::byte>(random());
    image.resize(random() % 16 == 0 ? random() % 512 : 512);
    const auto header = read_qcow2_header(image);
    if (!header) continue;
    ++read;
    EXPECT_GE(header->virtual_size, 0) << "seed " << kSeed << " round " << round;
    EXPECT_LE(header->backing_path.size(), 1023U) << "seed " << kSeed << " round " << round;
  }
  EXPECT_GT(read, 1000);
}

}  // namespace
}  // namespace neph::datastore_driver::fs
