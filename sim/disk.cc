#include "sim/disk.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace mqttlab::sim {
namespace {

constexpr std::size_t length_bytes = 4;

std::size_t length_at(const std::vector<std::uint8_t>& file, std::size_t at) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < length_bytes; ++i) length = length << 8 | file[at + i];
  return length;
}

}  // namespace

void Disk::write(File& file, const File& bytes) {
  for (std::size_t i = length_bytes; i-- > 0;)
    file.push_back(static_cast<std::uint8_t>(bytes.size() >> (8 * i)));
  file.insert(file.end(), bytes.begin(), bytes.end());
}

void Disk::append(const std::vector<std::uint8_t>& record) { write(step_, record); }

void Disk::step(JournalPosition position) {
  if (off_) return step_.clear();
  if (std::exchange(anew_, false)) {
    file_.clear();
    sync_ = {};
    write(file_, step_);
    rewrite_at_ = std::max(smallest_rewrite, 2 * file_.size());
    synced_bytes_ = file_.size();
    safe_ = position;
  } else {
    write(file_, step_);
  }
  step_.clear();
  written_ = position;
}

void Disk::begin_anew() {
  step_.clear();
  anew_ = true;
}

void Disk::synced() {
  synced_bytes_ = sync_.bytes;
  safe_ = sync_.position;
  sync_ = {};
}

JournalPosition Disk::commit(Time now) {
  if (sync_.until <= now) synced();
  const bool is_dirty = file_.size() > synced_bytes_ && sync_.until == never;
  if (!is_dirty || config_.durability == Durability::none) return safe_;
  if (sync_due_ == never) sync_due_ = gates() ? now : now + batch_window / 2;
  if (sync_due_ > now) return safe_;
  sync_due_ = never;
  sync_ = {now + config_.sync_time, file_.size(), written_};
  if (config_.sync_time == 0) synced();
  return safe_;
}

Time Disk::deadline() const { return std::min(sync_due_, sync_.until); }

void Disk::crash(trace::StoreFate fate, Random& random) {
  off_ = true;
  std::size_t left = file_.size();
  if (fate == trace::StoreFate::lost) left = 0;
  if (fate == trace::StoreFate::torn && left > synced_bytes_)
    left = synced_bytes_ + random.below(left - synced_bytes_);
  file_.resize(left);
  step_.clear();
  anew_ = false;
  synced_bytes_ = fate == trace::StoreFate::kept ? synced_bytes_ : left;
  written_ = safe_ = 0;
  sync_due_ = never;
  sync_ = {};
}

void Disk::read(const std::function<void(const Slice& record)>& each) {
  off_ = false;
  std::size_t at = 0;
  while (file_.size() - at >= length_bytes &&
         file_.size() - at - length_bytes >= length_at(file_, at)) {
    const std::size_t end = at + length_bytes + length_at(file_, at);
    for (at += length_bytes; at < end;) {
      const std::size_t size = length_at(file_, at);
      each(Slice::copy_of(Bytes(file_).subspan(at + length_bytes, size)));
      at += length_bytes + size;
    }
  }
  file_.resize(at);
  synced_bytes_ = std::min(synced_bytes_, at);
}

}  // namespace mqttlab::sim
