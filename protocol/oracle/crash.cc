#include "protocol/oracle/crash.h"

#include <algorithm>

#include "protocol/oracle/retained.h"
#include "protocol/oracle/session.h"
#include "protocol/oracle/will.h"

namespace mqttlab::oracle {

void Crashes::crashed(const Event& event) {
  const auto fate = static_cast<trace::StoreFate>(event.code);
  const Time loses = model_.settings.crash_loses;
  Crash crash{.at = event.at, .event = model_.event_index, .not_after = event.at};
  crash.torn = fate == trace::StoreFate::torn && loses > 0;
  crash.promised = !crash.torn ? event.at : loses >= event.at ? 0 : event.at - loses;
  wills_->crashed();
  if (fate == trace::StoreFate::lost) {
    for (Session* session : model_.sessions()) sessions_->lost(*session);
    retained_->forget();
    last_.reset();
    return model_.report.not_observable(Rule::dur_ack, "the broker's store was lost with it");
  }
  if (crash.torn) doubt();
  last_ = crash;
}

// Of what came last a part may be there: everything may be as it was before it, too.
void Crashes::doubt() {
  for (Session* session : model_.sessions()) {
    for (const std::uint64_t message : session->records.keys()) {
      Record& record = *session->records.find(message);
      record.permitted += record.begun;
      if (record.required > record.delivered + record.excused)
        record.excused = record.required - record.delivered;
    }
    session->retained_due.clear();
    session->out.clear();
    session->in.clear();
    if (Identity* identity = model_.find_identity(session->client_id)) identity->torn = true;
  }
  for (std::uint32_t index = 0; index < model_.filters(); ++index) {
    Filter& filter = model_.filter(index);
    for (Subscriber& subscriber : filter.subscribers) subscriber.perhaps = true;
    if (filter.group) filter.group->left_at = model_.now;
  }
  retained_->doubt_all();
}

void Crashes::restarted(const Event& event) {
  if (!last_) return;
  last_->is_back = true;
  last_->back_at = event.at;
}

void Crashes::answered(const Session* session, bool clean, bool present) {
  if (!last_ || !last_->is_back || clean || !session || session->outlives_s == 0) return;
  if (session->connected_at >= last_->at || session->answered_at == 0) return;
  const bool may_be_over =
      session->outlives_s != endless_expiry_s &&
      model_.now >= after(session->left_at, session->outlives_s) - model_.settings.host_grace;
  if (present) {
    seen(session->begun_at);
  } else if (!may_be_over) {
    unseen(session->answered_at, "the session of client " + model_.quoted(session->client_id));
  }
}

void Crashes::seen(Time from) {
  model_.report.checked(Rule::dur_ack);
  model_.report.checked(Rule::dur_prefix);
  last_->not_before = std::max(last_->not_before, from);
  unseen(never, "");
}

void Crashes::unseen(Time by, const std::string& what) {
  if (by != never) missing(by, last_->event, what);
  last_->not_after = std::min(last_->not_after, by);
  if (last_->not_before <= last_->not_after || last_->reported) return;
  last_->reported = true;
  model_.report.broken(Rule::dur_prefix, model_.now,
                       "after its crash at " + seconds(last_->at) +
                           " the broker had what began at " + seconds(last_->not_before) +
                           " and not what it had acknowledged by " + seconds(last_->not_after) +
                           ": no state of one instant",
                       {last_->event, model_.event_index});
}

void Crashes::missing(Time since, std::uint64_t event, const std::string& what) {
  if (!last_ || !last_->is_back || since >= last_->promised) return;
  model_.report.broken(Rule::dur_ack, model_.now,
                       what + ", acknowledged by " + seconds(since) +
                           ", was not there any more after the crash at " + seconds(last_->at),
                       {event, last_->event});
}

}  // namespace mqttlab::oracle
