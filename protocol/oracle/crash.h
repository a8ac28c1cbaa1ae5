// Crashes: what a broker may have forgotten when it is back, and what it may not. A store that was
// kept, or torn within its promise, has all that was acknowledged (DUR-ACK); what is there was
// there at one instant, not older than the promise allows (DUR-PREFIX). What may be lost excuses
// the other rules.
#pragma once

#include <map>
#include <optional>

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Retained;
class Sessions;
class Wills;

class Crashes {
 public:
  explicit Crashes(Model& model) : model_(model) {}
  void connect(Sessions& sessions, Wills& wills, Retained& retained) {
    sessions_ = &sessions;
    wills_ = &wills;
    retained_ = &retained;
  }

  void crashed(const Event& event);    ///< before the ends of its connections
  void restarted(const Event& event);  ///< the broker
  /// CONNACK is being written; `session`: the one that went on until now, `present`: what it says.
  void answered(const Session* session, bool clean, bool present);
  /// What was taken in at that instant is missing.
  void missing(Time since, std::uint64_t event, const std::string& what);

 private:
  struct Crash {
    Time at = 0, back_at = 0;
    std::uint64_t event = 0;
    Time promised = 0;  // what was acknowledged before this instant is there
    bool torn = false, is_back = false;
    // The instant whose state is there lies between these, as far as has been seen.
    Time not_before = 0, not_after = 0;
    bool reported = false;
  };
  void seen(Time from);                           // a change that began then is there
  void unseen(Time by, const std::string& what);  // one that had ended by then is not
  void doubt();

  std::optional<Crash> last_;
  Model& model_;
  Sessions* sessions_ = nullptr;
  Wills* wills_ = nullptr;
  Retained* retained_ = nullptr;
};

}  // namespace mqttlab::oracle
