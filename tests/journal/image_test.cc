// An image is what a journal amounts to: any prefix has one, and so has its own shortest journal.
#include <gtest/gtest.h>

#include "tests/journal/random_records.h"

namespace mqttlab::testing {
namespace {

using namespace journal;

std::vector<std::vector<std::uint8_t>> records_of(const Image& image) {
  std::vector<std::vector<std::uint8_t>> all;
  image.for_each_record([&](const Record& record) { all.push_back(encode(record)); });
  return all;
}

// And in how many bits.
std::pair<std::vector<std::vector<std::uint8_t>>, std::size_t> taken_from(Image image) {
  std::vector<std::vector<std::uint8_t>> all;
  std::size_t bits = 0;
  while (image.take([&](const Record& record) { all.push_back(encode(record)); })) ++bits;
  return {all, bits};
}

std::string refusal(const std::vector<Record>& before, const Record& record) {
  Image image;
  for (const Record& earlier : before) image.apply(earlier);
  const auto unchanged = records_of(image);
  try {
    image.apply(record);
    return "";
  } catch (const JournalError& error) {
    EXPECT_EQ(records_of(image), unchanged) << error.what();
    return error.what();
  }
}

TEST(JournalImage, OfEveryPrefixIsThatOfItsShortestJournal) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    RandomRecords records(seed);
    Image image;
    for (int i = 0; i < 400; ++i) {
      image.apply(records.next(image));
      if (i % 20 != 0) continue;
      Image again;
      image.for_each_record([&](const Record& record) { again.apply(record); });
      EXPECT_EQ(records_of(again), records_of(image)) << "seed " << seed << " record " << i;
      const std::size_t things =
          image.messages() + image.sessions().size() + image.retained().size();
      EXPECT_EQ(taken_from(image), std::pair(records_of(image), things));
    }
  }
}

TEST(JournalImage, WhatHasEndedLeavesNothingBehind) {
  const Slice id = Slice::copy_of("desk"), topic = Slice::copy_of("a/b");
  Image image;
  image.apply(SessionKept{1, id, 60, true, never});
  image.apply(Subscribed{1, topic});
  image.apply(PacketIdTaken{1, 7});
  image.apply(WillOwed{1, std::nullopt, {}, {topic, id}, never});
  image.apply(MessageStored{2, {topic, id}});
  image.apply(MessageStored{5, {topic, id}});
  for (const Number delivery : {3, 4, 6}) {
    image.apply(DeliveryHeld{delivery, 1, delivery == Number{6} ? Number{5} : Number{2}});
  }
  image.apply(DeliveryFinished{3});
  EXPECT_EQ(image.messages(), 2U);
  image.apply(DeliveryReceived{4});
  EXPECT_EQ(image.messages(), 1U);  // the client owns the other
  image.apply(SessionEnded{1});
  EXPECT_EQ(image.messages(), 0U);
  EXPECT_TRUE(records_of(image).empty());
  EXPECT_EQ(image.last(), 6U);
}

TEST(JournalImage, ARecordThatRefersToNothingIsNamed) {
  const Slice id = Slice::copy_of("desk");
  const std::vector<Record> one = {SessionKept{1, id}, MessageStored{2, {id, id}},
                                   DeliveryHeld{3, 1, 2}};
  struct Case {
    Record record;
    std::string why;
  };
  const Case cases[] = {
      {SessionEnded{9}, "SessionEnded names session 9, which is not there"},
      {SessionKept{9, id}, "SessionKept names client id desk, which has another session"},
      {Subscribed{9, id}, "Subscribed names session 9, which is not there"},
      {Unsubscribed{1, id}, "Unsubscribed names filter desk, which is not there"},
      {MessageStored{2, {id, id}}, "MessageStored names message 2, which is there already"},
      {DeliveryHeld{4, 1, 9}, "DeliveryHeld names message 9, which is not there"},
      {DeliveryHeld{4, 9, 2}, "DeliveryHeld names session 9, which is not there"},
      {DeliveryHeld{3, 1, 2}, "DeliveryHeld names delivery 3, which is there already"},
      {DeliverySent{9, 1}, "DeliverySent names delivery 9, which is not there"},
      {DeliveryReceived{9}, "DeliveryReceived names delivery 9, which is not there"},
      {DeliveryFinished{9}, "DeliveryFinished names delivery 9, which is not there"},
      {PacketIdTaken{9, 1}, "PacketIdTaken names session 9, which is not there"},
      {PacketIdReleased{9, 1}, "PacketIdReleased names session 9, which is not there"},
      {WillOwed{9, {}, {}, {}}, "WillOwed names session 9, which is not there"},
      {WillWithdrawn{9}, "WillWithdrawn names session 9, which is not there"},
  };
  for (const Case& one_case : cases)
    EXPECT_EQ(refusal(one, one_case.record), "journal: " + one_case.why);
}

}  // namespace
}  // namespace mqttlab::testing
