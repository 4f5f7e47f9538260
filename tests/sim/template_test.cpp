#include "compute/template_images.h"
#include "tests/sim/site.h"

namespace neph {
namespace {

/// A template with one disk of an image and one without, and what is done to it with its image.
class TemplateImages : public Site {
 protected:
  void SetUp() override {
    Site::SetUp();
    const auto made = run<TemplateId>([&](db::Txn& txn) -> Result<TemplateId> {
      const auto content = TRY(text::Template::parse(
          fmt::format("NAME=web CPU=1 MEMORY=128 DISK=[IMAGE_ID={},TARGET=vda]"
                      " DISK=[TYPE=fs,SIZE=16] DISK=[IMAGE_ID={}]", base_, base_)));
      return compute::create_template(txn, admin_, {}, content);
    });
    ASSERT_TRUE(made) << made.error().text();
    web_ = *made;
  }
  Result<TemplateId> clone(const compute::CloneWithImages& ask) {
    return run<TemplateId>([&](db::Txn& txn) {
      return compute::clone_with_images(txn, admin_, daemon().images, ask);
    });
  }
  std::vector<ImageId> images_of(TemplateId id) {
    return read<std::vector<ImageId>>([&](db::Txn& txn) {
      return compute::list_template_images(txn, admin_, id).value();
    });
  }
  text::Template content_of(TemplateId id) {
    return read<text::Template>(
        [&](db::Txn& txn) { return compute::find_template(txn, id).value().attributes; });
  }

  TemplateId web_;
};

TEST_F(TemplateImages, AreListedOnce) {
  EXPECT_EQ(images_of(web_), std::vector<ImageId>{base_});
}

TEST_F(TemplateImages, AreClonedUnderTheNameOfTheCopyAndTheNumberOfTheDisk) {
  const auto copy = clone({.source = web_, .name = "own", .extra = {}});
  ASSERT_TRUE(copy) << copy.error().text();
  const auto images = images_of(*copy);
  ASSERT_EQ(images.size(), 2u);
  EXPECT_EQ(image(images[0])->name, "own-disk-0");
  EXPECT_EQ(image(images[1])->name, "own-disk-2");
  EXPECT_FALSE(image(images[0])->is_persistent);
  EXPECT_EQ(blocks_of(images[0]), blocks_of(base_));
  const auto content = content_of(*copy);
  EXPECT_EQ(content.vectors("DISK")[0]->get("TARGET"), "vda");
  EXPECT_EQ(content.vectors("DISK")[1]->get("SIZE"), "16");
}

TEST_F(TemplateImages, OfAPersistentVmArePersistentAndItStartsWhenTheyAreThere) {
  const auto more = text::Template::parse("CPU=2").value();
  const auto copy = clone({.source = web_, .name = "own", .makes_persistent = true, .extra = more});
  ASSERT_TRUE(copy) << copy.error().text();
  EXPECT_EQ(content_of(*copy).get("CPU"), "2");
  for (const ImageId id : images_of(*copy)) EXPECT_TRUE(image(id)->is_persistent);
  const auto vm = run<VmId>([&](db::Txn& txn) {
    compute::NewVmAsk fresh;
    fresh.attributes = content_of(*copy);
    fresh.made_from = *copy;
    return daemon().vms.allocate(txn, admin_, fresh);
  });
  ASSERT_TRUE(vm) << vm.error().text();
  pass(Duration{60'000});
  EXPECT_EQ(shown(*vm), "RUNNING");
}

TEST_F(TemplateImages, AreNotClonedWhenOneOfTheNamesIsTaken) {
  ASSERT_TRUE(clone({.source = web_, .name = "own", .extra = {}}));
  ASSERT_TRUE(run<TemplateId>([&](db::Txn& txn) -> Result<TemplateId> {
    CHECK_OK(compute::rename_template(txn, TemplateId{web_.value + 1}, "other"));
    return web_;
  }));
  const auto again = clone({.source = web_, .name = "own", .extra = {}});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::kConflict);
}

}  // namespace
}  // namespace neph
