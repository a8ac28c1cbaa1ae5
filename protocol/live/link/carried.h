// Carried: one connection that a LinkProxy carries: the sockets of both ends, and the Passage
// between them.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "protocol/link/passage.h"
#include "protocol/live/dialer.h"
#include "protocol/live/endpoint.h"
#include "protocol/live/stream.h"

namespace mqttlab::live {

class Carried final : public StreamOwner {
 public:
  class Owner : public Passage::Owner {
   public:
    virtual void active(Carried& carried) = 0;  ///< flush() at the end of the round
    virtual void refused(Carried& carried, const std::string& trouble) = 0;
  };

  /// Takes the device's socket. `watcher` may be null.
  Carried(ReadySet& sockets, int socket, std::string address, std::shared_ptr<Medium> medium,
          FaultPlan& plan, std::uint32_t number, Owner& owner,
          std::unique_ptr<Passage::Watcher> watcher, Time now);

  [[nodiscard]] Passage& passage() { return passage_; }
  [[nodiscard]] const Passage& passage() const { return passage_; }
  [[nodiscard]] Medium& medium() { return *medium_; }
  [[nodiscard]] const std::shared_ptr<Medium>& shared_medium() const { return medium_; }
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] Time since() const { return since_; }

  /// Moves what can be moved, dials and ends what is to be.
  void flush(const Endpoint& target, Time now);
  void advance(Time now);
  [[nodiscard]] Time deadline() const;
  /// Ends both sockets at once.
  void drop();
  /// Nothing is left of it.
  [[nodiscard]] bool is_over() const;

  std::uint32_t trace_number = 0;  ///< in the trace; 0: not recorded
  bool dirty = false;              ///< is in the owner's list of connections to flush
  Time armed = never;              ///< the owner's earliest timer for it

 private:
  struct Side {
    std::unique_ptr<Stream> stream{};
    Time reset_until = never;  // waits for its last bytes to leave
    Time linger_until = never;
  };
  void active(Stream&) override { owner_.active(*this); }
  void ended(Stream& stream, CloseCause cause) override;
  void move(LinkEnd end);
  void abort(LinkEnd end, Time now);
  void dialed(int socket, const std::string& trouble);
  Side& side(LinkEnd end) { return sides_[static_cast<std::size_t>(end)]; }

  ReadySet& sockets_;
  const std::string address_;
  const std::shared_ptr<Medium> medium_;
  Owner& owner_;
  const Time since_;
  std::unique_ptr<Passage::Watcher> watcher_;
  Passage passage_;
  std::array<Side, 2> sides_;
  Dialer dialer_;
  Time next_look_ = never;  // at bytes that a reset must not overtake
};

}  // namespace mqttlab::live
