// The store by itself: what comes back, how large it grows, and what it says when it cannot go on.
#include "protocol/live/store/sqlite_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>

#include "tests/store/forgetful_disk.h"

namespace mqttlab::live {
namespace {

using journal::Image;
using mqttlab::testing::ForgetfulDisk;

std::vector<std::vector<std::uint8_t>> records_of(const Image& image) {
  std::vector<std::vector<std::uint8_t>> all;
  image.for_each_record([&](const journal::Record& record) { all.push_back(encode(record)); });
  return all;
}

/// A broker's life: a session that stays, and messages that come and go.
class Life {
 public:
  explicit Life(SqliteStore& store) : store_(store) {}
  void record(const journal::Record& record) {
    store_.append(record);
    expected.apply(journal::decode(Slice::copy_of(Bytes(encode(record)))));
  }
  void step() { store_.step(++position_); }
  void session() {
    record(journal::SessionKept{1, Slice::copy_of(std::string_view("desk")), 60, true, never});
    step();
  }
  void message(journal::Number number, bool stays, std::size_t payload_bytes = 100) {
    const Slice topic = Slice::copy_of(std::string_view("a/b"));
    const Slice payload = Slice::copy_of(std::string(payload_bytes, 'x'));
    record(journal::MessageStored{2 * number, {topic, payload}});
    record(journal::DeliveryHeld{2 * number + 1, 1, 2 * number, QoS::at_least_once});
    if (!stays) record(journal::DeliveryFinished{2 * number + 1});
    step();
  }
  Image expected;

 private:
  SqliteStore& store_;
  JournalPosition position_ = 0;
};

/// A life of so many messages, each a commit of its own; then the file is opened again.
void expect_all_back(std::size_t compact_from_bytes, journal::Number messages,
                     const std::function<void(Life&, journal::Number)>& message) {
  ForgetfulDisk disk(1);
  const StoreSettings settings{.path = "s",
                               .durability = Durability::sync,
                               .compact_from_bytes = compact_from_bytes,
                               .vfs = disk.vfs()};
  std::vector<std::vector<std::uint8_t>> expected;
  {
    SqliteStore store(settings);
    EXPECT_TRUE(records_of(store.load()).empty());
    Life life(store);
    life.session();
    for (journal::Number i = 1; i <= messages; ++i) {
      message(life, i);
      ASSERT_EQ(store.commit(0), i + 1);
    }
    expected = records_of(life.expected);
  }
  SqliteStore again(settings);
  EXPECT_EQ(records_of(again.load()), expected);
}

TEST(SqliteStore, GivesBackWhatItGotHoweverOftenItIsWrittenAnew) {
  expect_all_back(2'000, 3'000,
                  [](Life& life, journal::Number i) { life.message(i, i % 100 == 0); });
}

// A record that is longer than a row, as the first one of its commit and after that of others.
TEST(SqliteStore, LongRecordsComeBackToo) {
  expect_all_back(50'000, 300, [](Life& life, journal::Number i) {
    life.message(i, i % 10 == 0, i % 3 == 0 ? 70'000 : 100);
  });
}

// The state is 30 messages at most; 1.5 MB have gone through.
TEST(SqliteStore, StaysSmallBesideWhatHasGoneThroughIt) {
  ForgetfulDisk disk(1);
  SqliteStore store({.path = "s",
                     .durability = Durability::batch,
                     .compact_from_bytes = 20'000,
                     .vfs = disk.vfs()});
  (void)store.load();
  Life life(store);
  life.session();
  Time now = 0;
  std::size_t most_bytes = 0;
  for (journal::Number i = 1; i <= 10'000; ++i) {
    life.message(i, i % 400 == 0);
    (void)store.commit(now += 20 * millisecond);
    most_bytes = std::max(most_bytes, disk.bytes());
  }
  EXPECT_LT(most_bytes, 500'000U + (4U << 20));  // with SQLite's WAL, which is 4 MiB by itself
}

TEST(SqliteStore, BatchCommitsHalfAWindowAfterTheFirstStep) {
  ForgetfulDisk disk(1);
  SqliteStore store({.path = "s", .durability = Durability::batch, .vfs = disk.vfs()});
  (void)store.load();
  Life life(store);
  EXPECT_FALSE(store.gates());
  EXPECT_EQ(store.deadline(), never);
  life.session();
  EXPECT_EQ(store.commit(1 * second), 0U);
  EXPECT_EQ(store.deadline(), 1 * second + batch_window / 2);
  life.message(1, true);
  EXPECT_EQ(store.commit(1 * second + batch_window / 4), 0U);
  EXPECT_EQ(store.commit(store.deadline()), 2U);
  EXPECT_EQ(store.deadline(), never);
}

TEST(SqliteStore, SyncTakesOneSyncForAllStepsOfACommit) {
  ForgetfulDisk disk(1);
  SqliteStore store({.path = "s", .durability = Durability::sync, .vfs = disk.vfs()});
  (void)store.load();
  Life life(store);
  life.session();
  (void)store.commit(0);
  const std::uint64_t before = disk.syncs();
  for (journal::Number i = 1; i <= 100; ++i) life.message(i, true);
  EXPECT_EQ(store.commit(0), 101U);
  EXPECT_EQ(disk.syncs(), before + 1);
}

class StoreFile : public ::testing::Test {
 protected:
  StoreFile() : path(::testing::TempDir() + "store-" + std::to_string(::getpid())) { clean(); }
  ~StoreFile() override { clean(); }
  void clean() const {
    for (const char* end : {"", "-wal", "-journal", "-shm"}) std::remove((path + end).c_str());
  }
  [[nodiscard]] std::string refusal() const {
    try {
      SqliteStore store({.path = path});
      (void)store.load();
      return "";
    } catch (const StoreError& error) {
      const std::string what = error.what(), head = "store '" + path + "' ";
      EXPECT_EQ(what.substr(0, head.size()), head);
      return what.substr(std::min(what.size(), head.size()));
    }
  }
  const std::string path;
};

TEST_F(StoreFile, IsRefusedInOneLineIfItIsNone) {
  std::ofstream(path) << std::string(5'000, 'x');
  EXPECT_EQ(refusal(), "is not a SQLite database; name another file, or move this one away");
  clean();
  Database(path, nullptr).run("CREATE TABLE t(a)");
  EXPECT_EQ(refusal(),
            "is a database of another program; name another file, or move this one away");
  clean();
  EXPECT_EQ(refusal(), "");
  Database(path, nullptr).run("PRAGMA user_version = 9");
  EXPECT_EQ(refusal(), "has format 9, and this program reads up to 1; use a newer one");
}

TEST_F(StoreFile, BelongsToOneBroker) {
  const SqliteStore store({.path = path});
  EXPECT_EQ(refusal(), "is in use by another broker; stop that one, or name another file");
}

TEST_F(StoreFile, NeedsAFolder) {
  const std::string where = path + "/none/file";
  EXPECT_THROW(SqliteStore({.path = where}), StoreError);
}

TEST_F(StoreFile, WithARowThatIsCutIsNotBelieved) {
  EXPECT_EQ(refusal(), "");
  Database(path, nullptr).run("INSERT INTO journal VALUES(1, x'0000000301')");
  EXPECT_EQ(refusal(), "cannot be believed: journal: a row is cut");
}

// A row without records is not the last one.
TEST_F(StoreFile, MayHaveEmptyRows) {
  const StoreSettings settings{
      .path = path, .durability = Durability::none, .compact_from_bytes = 1'000};
  Image expected;
  for (const journal::Number first : {1, 101}) {
    {
      SqliteStore store(settings);
      (void)store.load();
      Life life(store);
      life.expected = std::move(expected);
      if (first == 1) life.session();
      for (journal::Number i = first; i < first + 100; ++i) {
        life.message(i, true);
        store.flush();
      }
      expected = std::move(life.expected);
    }
    Database(path, nullptr).run("INSERT INTO journal SELECT max(id) + 1, x'' FROM journal");
  }
  SqliteStore again(settings);
  EXPECT_EQ(records_of(again.load()), records_of(expected));
}

TEST(SqliteStore, OnAFullDiskSaysSoAndKeepsWhatItHas) {
  ForgetfulDisk disk(1);
  const StoreSettings settings{.path = "s", .durability = Durability::sync, .vfs = disk.vfs()};
  JournalPosition safe = 0;
  {
    SqliteStore store(settings);
    (void)store.load();
    Life life(store);
    life.session();
    disk.limit(disk.bytes() + 100'000);
    std::string why;
    for (journal::Number i = 1; i <= 10'000 && why.empty(); ++i) {
      life.message(i, true);
      try {
        safe = store.commit(0);
      } catch (const StoreError& error) {
        why = error.what();
      }
    }
    EXPECT_EQ(why, "store 's' cannot grow, the disk is full; make room and start again");
  }
  disk.limit(disk.bytes() + 1'000'000);
  disk.power_on(false);
  EXPECT_GE(SqliteStore(settings).load().messages(), safe - 1);
}

}  // namespace
}  // namespace mqttlab::live
