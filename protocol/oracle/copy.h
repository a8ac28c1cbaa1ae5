// Copies: what is wrong with one message that the broker has begun to send: that it is sent at all,
// its QoS, its RETAIN, its Subscription Identifiers. Judges RET-FLAG; for Delivery NO-FABRICATION,
// Q0-ATMOST, Q2-ONCE, SUB-DURABLE after UNSUBACK, WILL-IFF and WILL-ONCE.
#pragma once

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Discards;
class Resumes;
class Wills;

class Copies {
 public:
  Copies(Model& model, Wills& wills, Discards& discards, Resumes& resumes)
      : model_(model), wills_(wills), discards_(discards), resumes_(resumes) {}

  /// `record`: of the message in this session, with nothing left to send; null: there is none.
  void not_permitted(const Connection& connection, Session& session, const Record* record,
                     const Event& event);
  void check_qos(const Session& session, const Record& record, const Event& event);
  void check_retain(const Session& session, Record& record, const Event& event);
  void check_identifiers(Session& session, const Event& event);

  /// A QoS 1 message on topic 'a/b'
  [[nodiscard]] std::string message(const Event& event) const;

 private:
  [[nodiscard]] std::string sent_to(const Session& session, const Event& event) const;

  Model& model_;
  Wills& wills_;
  Discards& discards_;
  Resumes& resumes_;
};

}  // namespace mqttlab::oracle
