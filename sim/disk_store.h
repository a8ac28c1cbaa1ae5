// DiskStore: a broker's journal on a simulated disk. No ns-3.
#pragma once

#include "protocol/journal/codec.h"
#include "protocol/journal/store.h"
#include "sim/disk.h"

namespace mqttlab::sim {

class DiskStore final : public Store {
 public:
  explicit DiskStore(DiskConfig config) : disk_(config) {}

  [[nodiscard]] journal::Image load() override {
    journal::Image image;
    disk_.read([&](const Slice& record) { image.apply(journal::decode(record)); });
    return image;
  }
  void append(const journal::Record& record) override { disk_.append(journal::encode(record)); }
  void step(JournalPosition position) override {
    disk_.step(position);
    if (!disk_.is_long()) return;
    const journal::Image image = load();
    disk_.begin_anew();
    image.for_each_record([this](const journal::Record& record) { append(record); });
    disk_.step(position);
  }
  [[nodiscard]] bool gates() const override { return disk_.gates(); }
  JournalPosition commit(Time now) override { return disk_.commit(now); }
  [[nodiscard]] Time deadline() const override { return disk_.deadline(); }
  void crash(trace::StoreFate fate, Random& random) { disk_.crash(fate, random); }

 private:
  Disk disk_;
};

}  // namespace mqttlab::sim
