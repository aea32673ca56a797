#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cprobe/record/database_error.h"
#include "cprobe/record/row_value.h"

struct sqlite3;
struct sqlite3_stmt;

namespace cprobe {

struct CloseDatabase {
  void operator()(sqlite3* database) const;
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

/// Runs statements without results.
/// @throws Error as `throw_database_error`.
void execute(sqlite3* database, const std::string& sql);

/// Copies a database into memory. @throws Error as `throw_database_error`.
Database memory_copy(sqlite3* database);

/// A prepared statement. Bind all parameters in order, then step through the rows.
/// @throws Error as `execute`.
class Statement {
 public:
  Statement(sqlite3* database, const std::string& sql);
  /// Binds the first parameters, too.
  template <typename... Values>
  Statement(sqlite3* database, const std::string& sql, const Values&... values) : Statement(database, sql) {
    (bind(values), ...);
  }
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(const std::string& text);
  Statement& bind(int64_t integer);
  Statement& bind(double number);
  Statement& bind(const std::optional<double>& number);  ///< NULL if empty.
  Statement& bind(const std::optional<int64_t>& integer);
  Statement& bind(const RowValue& value);

  bool step();  ///< Goes to the next row; false if there is none.

  // The current row, by column from 0.
  std::string text(int column) const;
  int64_t integer(int column) const;
  double number(int column) const;
  bool is_null(int column) const;
  bool is_real(int column) const;
  RowValue value(int column) const;
  RowValues values(int first_column) const;  ///< The values of `first_column` and all behind it.
  int n_columns() const;

 private:
  void check(int code) const;

  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  int n_bound_ = 0;
};

/// Runs one statement without results. @param values  of its parameters, in order.
template <typename... Values>
void execute(sqlite3* database, const std::string& sql, const Values&... values) {
  Statement(database, sql, values...).step();
}

/// A transaction for writing, rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(sqlite3* database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  sqlite3* database_;
  bool open_ = true;
};

}  // namespace cprobe
