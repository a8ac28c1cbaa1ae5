// Talker: a Peer that says what it is told and remembers what it hears, as slowly as a test likes.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "protocol/peer.h"

namespace mqttlab::testing {

class Talker final : public Peer {
 public:
  std::string to_say = {};
  std::string heard = {};
  std::size_t piece_bytes = 1'000;      ///< of each pending piece
  std::size_t most_pieces = 1'000;      ///< pending at a time
  std::size_t room_bytes = 1'000;       ///< of space(); 0: hears nothing
  std::size_t enough_heard = SIZE_MAX;  ///< wants the stream closed when it has heard as much
  bool finish_when_said = false;        ///< wants the stream closed when all is said
  std::vector<CloseCause> ends = {};
  Time due = never, advanced = 0;

  [[nodiscard]] std::span<std::uint8_t> space() override {
    room_.resize(room_bytes);
    return room_;
  }
  void received(std::size_t n, Time) override {
    ASSERT_TRUE(ends.empty());
    ASSERT_LE(n, room_.size());
    heard.append(reinterpret_cast<const char*>(room_.data()), n);
  }
  [[nodiscard]] std::size_t pending(std::span<Bytes> pieces) const override {
    const std::string_view rest = std::string_view(to_say).substr(said_);
    const std::size_t most = std::min(pieces.size(), most_pieces);
    std::size_t count = 0;
    for (std::size_t at = 0; at < rest.size() && count < most; at += piece_bytes) {
      const auto piece = rest.substr(at, piece_bytes);
      pieces[count++] = {reinterpret_cast<const std::uint8_t*>(piece.data()), piece.size()};
    }
    return count;
  }
  void sent(std::size_t n, Time) override {
    ASSERT_TRUE(ends.empty());
    ASSERT_LE(said_ + n, to_say.size());
    said_ += n;
  }
  void closed(CloseCause cause, Time) override { ends.push_back(cause); }
  void advance(Time now) override { advanced = now; }
  [[nodiscard]] Time deadline() const override { return due; }
  [[nodiscard]] bool finished() const override {
    return said_ == to_say.size() && (finish_when_said || heard.size() >= enough_heard);
  }
  [[nodiscard]] std::size_t said() const { return said_; }

 private:
  std::size_t said_ = 0;
  std::vector<std::uint8_t> room_;
};

}  // namespace mqttlab::testing
