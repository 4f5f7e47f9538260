#include "access/quota.h"
#include "tests/unit/datastore/bench.h"

namespace neph::datastore {
namespace {

using datastore_driver::Format;
using Allocating = ImageBench;

TEST_F(Allocating, CopiesAFileAndMakesTheImageReady) {
  const std::string path = put_source("debian.qcow2");
  const auto id = allocate(fmt::format("NAME=debian\nPATH=\"{}\"\nDESCRIPTION=\"the base\"", path));
  ASSERT_TRUE(id) << id.error().text();
  const Image made = image(*id);
  EXPECT_EQ(made.state, ImageState::kReady);
  EXPECT_EQ(made.size_mb, 10);
  EXPECT_EQ(made.format, Format::kQcow2);
  EXPECT_EQ(made.original_path, path);
  EXPECT_EQ(made.owner, alice_.user);
  EXPECT_EQ(made.permissions.bits, 0600);
  EXPECT_FALSE(made.sha256.empty());
  EXPECT_FALSE(made.job.is_set());
  EXPECT_EQ(made.attributes.get("DESCRIPTION"), "the base");
  EXPECT_EQ(made.attributes.get("DEV_PREFIX"), "hd");
  EXPECT_FALSE(made.attributes.has("NAME"));
  EXPECT_EQ(stored_files(), std::vector<std::string>{made.source});
  EXPECT_EQ(world_.content_of(made.source).value(), world_.content_of(path).value());
}

TEST_F(Allocating, AnswersALockedImageBeforeTheCopyEnds) {
  const std::string path = put_source("a.qcow2");
  const auto answer =
      database_->transact_one(lanes_.clock().now(), [&](db::Txn& txn) -> Result<ImageId> {
        const auto ask = TRY(text::Template::parse(fmt::format("NAME=a\nPATH=\"{}\"", path)));
        return service_->allocate(txn, alice_, ask, DatastoreId{1});
      });
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(image(*answer).state, ImageState::kLocked);
  EXPECT_EQ(open_job(*answer).kind, "image.create");
}

TEST_F(Allocating, TakesTheFormatFromTheTemplateBeforeTheName) {
  const auto raw = allocate(fmt::format("NAME=a\nPATH=\"{}\"", put_source("a.img", Format::kRaw)));
  const auto said = allocate(
      fmt::format("NAME=b\nFORMAT=qcow2\nPATH=\"{}\"", put_source("b.img", Format::kQcow2)));
  ASSERT_TRUE(raw && said);
  EXPECT_EQ(image(*raw).format, Format::kRaw);
  EXPECT_EQ(image(*said).format, Format::kQcow2);
  EXPECT_EQ(image(*said).state, ImageState::kReady);
}

TEST_F(Allocating, MakesAnEmptyDatablock) {
  const auto id = allocate("NAME=data\nTYPE=DATABLOCK\nSIZE=64\nPERSISTENT=YES\nFSTYPE=ext4");
  ASSERT_TRUE(id) << id.error().text();
  const Image made = image(*id);
  EXPECT_EQ(made.state, ImageState::kReady);
  EXPECT_TRUE(made.is_persistent);
  EXPECT_EQ(world_.find_file(made.source).value().virtual_size, Bytes::megabytes(64));
}

TEST_F(Allocating, PutsFilesForKernelsIntoTheFileDatastoreAlone) {
  const std::string path = put_source("vmlinuz", Format::kRaw);
  const std::string content = fmt::format("NAME=k\nTYPE=KERNEL\nPATH=\"{}\"", path);
  const auto refused = allocate(content);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kInvalid);
  const auto id = allocate(content, DatastoreId{2});
  ASSERT_TRUE(id) << id.error().text();
  EXPECT_EQ(image(*id).state, ImageState::kReady);
  EXPECT_FALSE(image(*id).attributes.has("DEV_PREFIX"));
}

TEST_F(Allocating, TakesOverASourceForAdministratorsOnly) {
  world_.put_image("/srv/golden", Format::kRaw, Bytes::megabytes(5), {{0, 9}});
  const std::string content = "NAME=golden\nSOURCE=\"/srv/golden\"\nFORMAT=raw";
  const auto refused = allocate(content);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kDenied);
  const auto id = allocate_as(root_, content);
  ASSERT_TRUE(id) << id.error().text();
  EXPECT_EQ(image(*id).size_mb, 5);
  EXPECT_FALSE(image(*id).sha256.empty()) << "hashed in the background";
  ASSERT_TRUE(transact([&](db::Txn& txn) { return service_->remove(txn, *id); }));
  EXPECT_FALSE(is_there(*id));
  EXPECT_TRUE(world_.find_file("/srv/golden")) << "it was there before us";
}

struct Refusal {
  const char* what;
  std::string content;
  Errc code;
};

TEST_F(Allocating, RefusesBadRequestsAndLeavesNothing) {
  const std::string good = put_source("good.qcow2");
  const std::string closed = put_source("closed/secret.qcow2");
  std::filesystem::create_symlink("/etc/passwd", safe_ / "link");
  std::filesystem::create_symlink(closed, safe_ / "inner");
  const std::string path = fmt::format("PATH=\"{}\"\n", good);
  const std::string outside = (safe_ / "../../etc/passwd").string();
  for (const Refusal& refusal : {
           Refusal{"no name", path, Errc::kInvalid},
           {"a bad name", path + "NAME=\"a/b\"", Errc::kInvalid},
           {"no source", "NAME=a\nTYPE=CDROM", Errc::kInvalid},
           {"no size", "NAME=a\nTYPE=DATABLOCK", Errc::kInvalid},
           {"a size of words", "NAME=a\nTYPE=DATABLOCK\nSIZE=\"1 GB\"", Errc::kInvalid},
           {"a size below one", "NAME=a\nTYPE=DATABLOCK\nSIZE=-5", Errc::kInvalid},
           {"a size beyond bytes", "NAME=a\nTYPE=DATABLOCK\nSIZE=99999999999999", Errc::kInvalid},
           {"a type nobody knows", path + "NAME=a\nTYPE=TAPE", Errc::kInvalid},
           {"a format nobody knows", path + "NAME=a\nFORMAT=vmdk", Errc::kInvalid},
           {"a CD-ROM that is qcow2", path + "NAME=a\nTYPE=CDROM\nFORMAT=qcow2", Errc::kInvalid},
           {"a missing file", "NAME=a\nPATH=\"" + good + "x\"", Errc::kInvalid},
           {"a directory", "NAME=a\nPATH=\"" + safe_.string() + "\"", Errc::kInvalid},
           {"a relative path", "NAME=a\nPATH=\"good.qcow2\"", Errc::kInvalid},
           {"a URL", "NAME=a\nPATH=\"http://localhost/a\"", Errc::kInvalid},
           {"a path outside", "NAME=a\nPATH=\"/etc/passwd\"", Errc::kDenied},
           {"a way out", "NAME=a\nPATH=\"" + outside + "\"", Errc::kDenied},
           {"a link to outside", "NAME=a\nPATH=\"" + (safe_ / "link").string() + "\"",
            Errc::kDenied},
           {"a restricted part", "NAME=a\nPATH=\"" + closed + "\"", Errc::kDenied},
           {"a link to it", "NAME=a\nPATH=\"" + (safe_ / "inner").string() + "\"", Errc::kDenied},
           {"PATH and SOURCE", path + "NAME=a\nSOURCE=\"/x\"", Errc::kDenied},
           {"a restricted key", path + "NAME=a\nRAW=[DATA=\"x\"]", Errc::kDenied},
           {"forged provenance", path + "NAME=a\nSAVED_VM_ID=1", Errc::kDenied},
           {"a forged grade", path + "NAME=a\nSNAPSHOT=[GRADE=\"frozen\"]", Errc::kDenied},
       }) {
    const auto answer = allocate(refusal.content);
    ASSERT_FALSE(answer) << refusal.what;
    EXPECT_EQ(answer.error().code, refusal.code) << refusal.what << answer.error().text();
    EXPECT_EQ(count_images(), 0) << refusal.what;
    EXPECT_EQ(stored_files(), std::vector<std::string>{}) << refusal.what;
  }
}

TEST_F(Allocating, RefusesAdministratorsForgedProvenance) {
  const auto answer = allocate_as(root_, "NAME=a\nTYPE=DATABLOCK\nSIZE=1\nSAVED_IMAGE_ID=3");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::kDenied);
}

TEST_F(Allocating, NamesTheImageThatHasTheName) {
  const ImageId first = make_ready("twice");
  const auto answer = allocate("NAME=twice\nTYPE=DATABLOCK\nSIZE=1");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::kConflict);
  EXPECT_EQ(answer.error().message, fmt::format("NAME is already taken by IMAGE {}.", first));
  EXPECT_TRUE(allocate_as(root_, "NAME=twice\nTYPE=DATABLOCK\nSIZE=1")) << "another owner's";
}

TEST_F(Allocating, RefusesWhatQuotaOrDatastoreHaveNoRoomFor) {
  ASSERT_TRUE(transact([&](db::Txn& txn) -> Result<void> {
    const auto limits = TRY(text::Template::parse("DATASTORE=[ID=1, SIZE=100, IMAGES=-2]"));
    save_usage(txn, DatastoreId{1},
               {Bytes::megabytes(500), Bytes::megabytes(50), Bytes::megabytes(450)});
    return access::set_quota(txn, access::QuotaOwner::kUser, alice_.user.value, limits);
  }));
  const auto over_quota = allocate("NAME=a\nTYPE=DATABLOCK\nSIZE=101");
  ASSERT_FALSE(over_quota);
  EXPECT_EQ(over_quota.error().code, Errc::kDenied);
  const auto over_space = allocate("NAME=a\nTYPE=DATABLOCK\nSIZE=60");
  ASSERT_FALSE(over_space);
  EXPECT_EQ(over_space.error().code, Errc::kExhausted);
  EXPECT_EQ(count_images(), 0);
  EXPECT_TRUE(allocate("NAME=a\nTYPE=DATABLOCK\nSIZE=40"));
}

TEST_F(Allocating, ChecksTheQuotaAgainWhenTheRealSizeIsKnown) {
  ASSERT_TRUE(transact([&](db::Txn& txn) -> Result<void> {
    const auto limits = TRY(text::Template::parse("DATASTORE=[ID=1, SIZE=5, IMAGES=-2]"));
    return access::set_quota(txn, access::QuotaOwner::kUser, alice_.user.value, limits);
  }));
  // The file has 3 MB, the disk in it 10.
  const auto id = allocate(fmt::format("NAME=a\nPATH=\"{}\"", put_source("a.qcow2")));
  ASSERT_TRUE(id) << id.error().text();
  EXPECT_EQ(image(*id).state, ImageState::kError);
  EXPECT_NE(image(*id).attributes.get("ERROR").find("quota"), std::string::npos);
  EXPECT_EQ(stored_files(), std::vector<std::string>{});
}

}  // namespace
}  // namespace neph::datastore
