#pragma once

#include <boost/pfr/core.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "api/decode.h"
#include "api/method_info.h"
#include "api/reply.h"
#include "base/result.h"

/// One API method is one struct (its arguments), one function and one row:
///
///   struct ShowVm { VmId vm; bool decrypt = false; };
///   Result<EscapedText> show_vm(Call& call, const ShowVm& ask);
///   registry.add(method("one.vm.info", &show_vm).reads().args("vm", "decrypt").required(1)
///                    .needs("USE VM", &may_use_vm).doc("Shows a VM.").answers("VM document"));
///
/// `Call` is what a handler works with (transaction or view, actor, services). It belongs to who
/// dispatches: the registry only passes it through. A registry is filled at start and only read
/// afterwards; reading is safe from any thread.
namespace neph::api {

/// A call whose arguments are decoded: run it on the lane its mode names. May be copied.
template <class Call>
using BoundCall = std::function<Result<Answer>(Call&)>;

template <class Call>
struct MethodRow {
  MethodInfo info;
  /// Decodes the parameters, the session first unless the mode is kOpen. Surplus parameters are
  /// ignored, as OpenNebula does and its clients rely on.
  /// \returns fault kType for a wrong type or too few parameters
  std::function<OrFault<BoundCall<Call>>(const std::vector<Value>& params)> bind;
};

namespace internal {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
struct IsId : std::false_type {};
template <class Tag>
struct IsId<Id<Tag>> : std::true_type {};

/// What handlers return, as an Answer.
template <class T>
Answer to_answer(T&& result) {
  using Plain = std::remove_cvref_t<T>;
  if constexpr (IsId<Plain>::value) {
    return Answer{result.value};
  } else if constexpr (std::is_integral_v<Plain>) {
    static_assert(!std::is_same_v<Plain, bool>, "no OpenNebula method answers a boolean");
    return Answer{static_cast<std::int64_t>(result)};
  } else {
    return Answer{std::forward<T>(result)};
  }
}

template <class T>
constexpr std::string_view result_type_of() {
  return IsId<T>::value || std::is_integral_v<T> ? "int" : "string";
}

template <class Ask>
constexpr std::size_t field_count() {
  if constexpr (std::is_empty_v<Ask>) {
    return 0;
  } else {
    return boost::pfr::tuple_size_v<Ask>;
  }
}

/// Calls visit(field, index) for every field.
template <class Ask, class Visit>
void for_each_field(Ask& ask, Visit&& visit) {
  if constexpr (!std::is_empty_v<Ask>) boost::pfr::for_each_field(ask, std::forward<Visit>(visit));
}

[[nodiscard]] OrFault<void> check_count(const MethodInfo& info, const std::vector<Value>& params);

/// Reads `params` into the fields of an Ask. Fields that were not sent keep what the struct
/// initialises them with.
template <class Ask>
OrFault<Ask> decode_fields(const MethodInfo& info, const std::vector<Value>& params) {
  Ask ask{};
  if (auto enough = check_count(info, params); !enough) {
    return tl::unexpected(std::move(enough.error()));
  }
  const std::size_t first = info.has_session() ? 1 : 0;
  std::optional<Fault> problem;
  for_each_field(ask, [&]<class Field>(Field& field, std::size_t index) {
    const std::size_t position = first + index;
    if (problem || position >= params.size()) return;
    auto value = Codec<Field>::read(params[position], Place{position, info.args[index].name});
    if (value) {
      field = std::move(*value);
    } else {
      problem = std::move(value.error());
    }
  });
  if (problem) return tl::unexpected(std::move(*problem));
  return ask;
}

}  // namespace internal

/// Builds a row; method() makes one. Each function returns the builder, for chaining.
template <class Call, class Ask, class R>
class MethodBuilder {
 public:
  using Handler = std::function<Result<R>(Call&, const Ask&)>;
  using Check = std::function<Result<void>(Call&, const Ask&)>;

  MethodBuilder(std::string name, Handler handler) : work_{std::move(handler), {}} {
    info_.name = std::move(name);
    info_.result_type = internal::result_type_of<R>();
    Ask defaults{};
    internal::for_each_field(defaults, [&]<class Field>(Field&, std::size_t index) {
      info_.args.push_back({"", Codec<Field>::type});
      if (!internal::IsOptional<Field>::value) info_.required = index + 1;
    });
  }

  MethodBuilder& doc(std::string text) { return set(info_.doc, std::move(text)); }
  /// What the result is, in words.
  MethodBuilder& answers(std::string text) { return set(info_.answers, std::move(text)); }
  MethodBuilder& reads() { return set(info_.mode, Mode::kRead); }
  MethodBuilder& writes() { return set(info_.mode, Mode::kWrite); }
  MethodBuilder& open() { return set(info_.mode, Mode::kOpen); }
  /// How many parameters must be there, the session not counted. Without it: up to the last field
  /// that is not an optional. Fields behind it keep the value the struct gives them.
  MethodBuilder& required(std::size_t count) {
    NEPH_ASSERT(count <= info_.args.size());
    return set(info_.required, count);
  }
  /// Names of the fields in their order, all of them: the library that reads the struct knows
  /// types but not names.
  template <class... Names>
  MethodBuilder& args(Names... names) {
    static_assert(sizeof...(Names) == internal::field_count<Ask>(), "one name per field");
    std::size_t index = 0;
    ((info_.args[index++].name = names), ...);
    return *this;
  }
  /// Runs before the handler, in the order of the calls; the first refusal is the answer. `right`
  /// is for the documentation.
  MethodBuilder& needs(std::string right, Check check) {
    if (!info_.right.empty()) info_.right += ", ";
    info_.right += right;
    info_.is_guarded = true;
    work_.checks.push_back(std::move(check));
    return *this;
  }
  /// No right is needed beyond what the mode asks for. A row must say this or needs().
  MethodBuilder& for_anyone() {
    info_.right = "none";
    return set(info_.is_guarded, true);
  }
  /// The method answers nothing but why it does not exist here.
  MethodBuilder& not_provided() { return set(info_.is_provided, false); }
  /// An empty password means that the old one stays. Without it such a call is refused.
  MethodBuilder& keeps_password() { return set(info_.keeps_password, true); }
  /// A disabled zone refuses all that write but for these.
  MethodBuilder& works_in_disabled_zone() { return set(info_.works_in_disabled_zone, true); }
  MethodBuilder& legacy_code(Errc kind, int code) {
    info_.legacy_codes.push_back({kind, code});
    return *this;
  }

  operator MethodRow<Call>() const {  // NOLINT: a row is what a builder is for
    auto bind = [info = info_, work = std::make_shared<const Work>(work_)](
                    const std::vector<Value>& params) -> OrFault<BoundCall<Call>> {
      auto ask = internal::decode_fields<Ask>(info, params);
      if (!ask) return tl::unexpected(std::move(ask.error()));
      return BoundCall<Call>(
          [work, ask = std::move(*ask)](Call& call) { return run(call, ask, *work); });
    };
    return MethodRow<Call>{info_, std::move(bind)};
  }

 private:
  struct Work {
    Handler handler;
    std::vector<Check> checks;
  };

  static Result<Answer> run(Call& call, const Ask& ask, const Work& work) {
    for (const auto& check : work.checks) CHECK_OK(check(call, ask));
    return internal::to_answer(TRY(work.handler(call, ask)));
  }

  template <class T>
  MethodBuilder& set(T& member, T value) {
    member = std::move(value);
    return *this;
  }

  MethodInfo info_;
  Work work_;
};

/// Arguments of a method that takes none but the session.
struct NoArguments {};

template <class Call, class Ask, class R>
[[nodiscard]] MethodBuilder<Call, Ask, R> method(std::string name,
                                                 Result<R> (*handler)(Call&, const Ask&)) {
  return MethodBuilder<Call, Ask, R>(std::move(name), handler);
}
template <class Call, class Ask, class R>
[[nodiscard]] MethodBuilder<Call, Ask, R> method(std::string name,
                                                 Result<R> (*handler)(Call&, Ask)) {
  return MethodBuilder<Call, Ask, R>(std::move(name), handler);
}
template <class Call, class R>
[[nodiscard]] MethodBuilder<Call, NoArguments, R> method(std::string name,
                                                         Result<R> (*handler)(Call&)) {
  return MethodBuilder<Call, NoArguments, R>(
      std::move(name), [handler](Call& call, const NoArguments&) { return handler(call); });
}

template <class Call>
class Registry {
 public:
  /// It is a programmer's error to add a name twice, a row without names for its arguments, or one
  /// that says nothing about rights.
  void add(MethodRow<Call> row) {
    NEPH_ASSERT(row.info.is_guarded);
    for (const auto& arg : row.info.args) NEPH_ASSERT(!arg.name.empty());
    const bool is_new = rows_.emplace(row.info.name, row).second;
    NEPH_ASSERT(is_new);
  }
  void add(std::initializer_list<MethodRow<Call>> rows) {
    for (const auto& row : rows) add(row);
  }

  /// \returns fault kNoMethod; the row lives as long as the registry
  [[nodiscard]] OrFault<const MethodRow<Call>*> find(std::string_view name) const {
    const auto found = rows_.find(name);
    if (found != rows_.end()) return &found->second;
    return fault(FaultCode::kNoMethod, fmt::format("Method '{}' not defined", name));
  }

  [[nodiscard]] bool is_introspection(std::string_view name) const {
    return std::find(kIntrospection.begin(), kIntrospection.end(), name) != kIntrospection.end();
  }

  /// Answers system.listMethods, system.methodSignature and system.methodHelp, which need no
  /// session and whose answer is the bare value. \pre is_introspection(name)
  [[nodiscard]] OrFault<Value> answer_introspection(std::string_view name,
                                                    const std::vector<Value>& params) const {
    if (name == kIntrospection[0]) return list_methods();
    if (params.empty()) return fault(FaultCode::kType, "Not enough parameters");
    const auto asked = decode_string(params[0], Place{0, "method"});
    if (!asked) return tl::unexpected(asked.error());
    // The library OpenNebula embeds says "undef" for a method of which it knows no signature.
    const bool is_own = is_introspection(*asked);
    const bool is_signature = name == kIntrospection[2];
    if (is_own) return Value{std::string{is_signature ? "undef" : "Introspection of the server"}};
    const auto row = find(*asked);
    if (!row) return tl::unexpected(row.error());
    return is_signature ? signatures_of((*row)->info) : Value{(*row)->info.doc};
  }

  /// The text of docs/api.md.
  [[nodiscard]] std::string markdown() const {
    std::vector<const MethodInfo*> methods;
    for (const auto& [name, row] : rows_) methods.push_back(&row.info);
    return to_markdown(std::move(methods));
  }

  [[nodiscard]] const std::map<std::string, MethodRow<Call>, std::less<>>& rows() const {
    return rows_;
  }

 private:
  static constexpr std::array<std::string_view, 3> kIntrospection = {
      "system.listMethods", "system.methodHelp", "system.methodSignature"};

  [[nodiscard]] Value list_methods() const {
    std::vector<std::string> names(kIntrospection.begin(), kIntrospection.end());
    names.emplace_back("system.multicall");  // the dispatcher's
    for (const auto& [name, row] : rows_) names.push_back(name);
    std::sort(names.begin(), names.end());
    Array listed;
    for (auto& name : names) listed.push_back(Value{std::move(name)});
    return Value{std::move(listed)};
  }

  std::map<std::string, MethodRow<Call>, std::less<>> rows_;
};

}  // namespace neph::api
