// Records survive their bytes; bytes that are no record are refused, and say why.
#include <gtest/gtest.h>

#include "tests/journal/random_records.h"

namespace mqttlab::testing {
namespace {

using namespace journal;

std::string refusal(Bytes bytes) {
  try {
    (void)decode(Slice::copy_of(bytes));
    return "";
  } catch (const JournalError& error) {
    return error.what();
  }
}

TEST(JournalCodec, EveryKindOfRecordIsReadAsItWasWritten) {
  RandomRecords records(1);
  for (int round = 0; round < 300; ++round) {
    for (std::size_t kind = 0; kind < std::variant_size_v<Record>; ++kind) {
      const Record record = records.of(kind);
      ASSERT_EQ(record.index(), kind);
      const auto bytes = encode(record);
      EXPECT_TRUE(decode(Slice::copy_of(Bytes(bytes))) == record) << name(record);
    }
  }
}

TEST(JournalCodec, ACutRecordIsRefusedOrIsOneWithAShorterPayload) {
  RandomRecords records(2);
  for (std::size_t kind = 0; kind < std::variant_size_v<Record>; ++kind) {
    const Record record = records.of(kind);
    const bool has_payload = std::holds_alternative<MessageStored>(record) ||
                             std::holds_alternative<RetainedSet>(record) ||
                             std::holds_alternative<WillOwed>(record);
    const auto bytes = encode(record);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const std::string why = refusal(Bytes(bytes).first(size));
      EXPECT_TRUE(has_payload || !why.empty()) << name(record) << " cut to " << size;
    }
    auto longer = bytes;
    longer.push_back(0);
    EXPECT_TRUE(has_payload || !refusal(longer).empty()) << name(record);
  }
}

TEST(JournalCodec, BytesAtRandomNeverDoMoreThanThrow) {
  RandomRecords records(3);
  Random random(3, "bytes");
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = encode(records.of(random.below(std::variant_size_v<Record>)));
    bytes[random.below(bytes.size())] = static_cast<std::uint8_t>(random.next());
    const std::string why = refusal(bytes);
    EXPECT_TRUE(why.empty() || why.starts_with("journal: ")) << why;
  }
}

TEST(JournalCodec, ARefusalNamesWhatIsWrong) {
  const auto bytes_of = [](std::initializer_list<int> values) {
    return std::vector<std::uint8_t>(values.begin(), values.end());
  };
  EXPECT_EQ(refusal({}), "journal: a record of 0 bytes is cut");
  EXPECT_EQ(refusal(bytes_of({9, 1, 0})),
            "journal: a record of version 9; this program reads 1: use the one that wrote it");
  EXPECT_EQ(refusal(bytes_of({1, 99})), "journal: a record of kind 99, which does not exist");
  EXPECT_EQ(refusal(bytes_of({1, 8, 0, 0})),
            "journal: DeliveryFinished of 4 bytes is cut or malformed");
  EXPECT_EQ(refusal(bytes_of({1, 8, 0, 0, 0, 0, 0, 0, 0, 0})),
            "journal: DeliveryFinished of 10 bytes is cut or malformed");  // 0 names nothing
}

}  // namespace
}  // namespace mqttlab::testing
