; What JavaScript and TypeScript have in common.

; Imports by require are no constants of the file.
((variable_declarator
  name: (identifier) @name
  value: [
    (call_expression function: (identifier) @_require)
    (member_expression object: (call_expression function: (identifier) @_require))
  ]) @ignore
  (#eq? @_require "require"))

(function_declaration name: (_) @name) @function
(generator_function_declaration name: (_) @name) @function
(method_definition name: (_) @name) @method

; module.exports = function name() {}, class Name {}
((assignment_expression
  left: (member_expression object: (identifier) @_module property: (property_identifier) @_exports)
  right: [(function_expression name: (_) @name) (generator_function name: (_) @name)]) @function
  (#eq? @_module "module") (#eq? @_exports "exports"))
((assignment_expression
  left: (member_expression object: (identifier) @_module property: (property_identifier) @_exports)
  right: (class name: (_) @name)) @class
  (#eq? @_module "module") (#eq? @_exports "exports"))
((assignment_expression
  left: (member_expression object: (identifier) @_module property: (property_identifier) @name))
  @ignore
  (#eq? @_module "module") (#eq? @name "exports"))

; An expression that has the same name as it is given.
((variable_declarator name: (identifier) @_given value: [
  (function_expression name: (_) @name)
  (generator_function name: (_) @name)
  (class name: (_) @name)
]) @ignore (#eq? @name @_given))
((assignment_expression
  left: [(identifier) @_given (member_expression property: (_) @_given)]
  right: [
    (function_expression name: (_) @name)
    (generator_function name: (_) @name)
    (class name: (_) @name)
  ]) @ignore (#eq? @name @_given))
((pair key: (property_identifier) @_given value: [
  (function_expression name: (_) @name)
  (generator_function name: (_) @name)
  (class name: (_) @name)
]) @ignore (#eq? @name @_given))

(variable_declarator
  name: (identifier) @name
  value: [
    (arrow_function) (function_expression) (generator_function)
    (parenthesized_expression [(arrow_function) (function_expression)])
    (assignment_expression right: [(arrow_function) (function_expression) (generator_function)])
    (assignment_expression right: (assignment_expression
      right: [(arrow_function) (function_expression) (generator_function)]))
  ]) @function
(variable_declarator name: (identifier) @name value: [
  (class)
  (assignment_expression right: (class))
]) @class

; Name.prototype.method = function () {}
((assignment_expression
  left: (member_expression
    object: (member_expression object: (_) @parent property: (property_identifier) @_prototype)
    property: (property_identifier) @name)
  right: [
    (arrow_function) (function_expression) (generator_function)
    (assignment_expression right: [(arrow_function) (function_expression) (generator_function)])
    (assignment_expression right: (assignment_expression
      right: [(arrow_function) (function_expression) (generator_function)]))
  ]) @method
  (#eq? @_prototype "prototype"))

; exports.name = function () {}, Name.helper = () => {}, a.b = a.c = function () {}
(assignment_expression
  left: [
    (member_expression property: [(property_identifier) (private_property_identifier)] @name)
    (subscript_expression index: (string) @name)
  ]
  right: [
    (arrow_function) (function_expression) (generator_function)
    (parenthesized_expression [(arrow_function) (function_expression)])
    (assignment_expression right: [(arrow_function) (function_expression) (generator_function)])
    (assignment_expression right: (assignment_expression
      right: [(arrow_function) (function_expression) (generator_function)]))
    (assignment_expression right: (assignment_expression right: (assignment_expression
      right: [(arrow_function) (function_expression) (generator_function)])))
  ]) @function
(assignment_expression
  left: (identifier) @name
  right: [
    (arrow_function) (function_expression) (generator_function)
    (assignment_expression right: [(arrow_function) (function_expression) (generator_function)])
  ]) @function
(assignment_expression
  left: (member_expression property: (property_identifier) @name)
  right: [(class) (assignment_expression right: (class))]) @class

; { name: function () {} }
(pair
  key: [(property_identifier) (string) (number)] @name
  value: [(arrow_function) (function_expression) (generator_function)]) @method
(pair key: [(property_identifier) (string)] @name value: (class)) @class

; Functions inside of a call that gives back what does the same: memo(() => {}).
((variable_declarator
  name: (identifier) @name
  value: (call_expression
    function: [(identifier) @_wrap (member_expression property: (property_identifier) @_wrap)]
    arguments: (arguments . [(arrow_function) (function_expression)]))) @function
  (#match? @_wrap "^(memo|memoize\\w*|forwardRef|useCallback|debounce\\w*|throttle\\w*|once|curry\\w*|wrap\\w*|\\w*Handler|async[A-Z]\\w*|catch[A-Z]\\w*|with[A-Z]\\w*|lazy|observer|promisify|callbackify|co|action)$"))
(variable_declarator
  name: (identifier) @name
  value: (call_expression
    function: (member_expression
      object: [(function_expression) (arrow_function) (parenthesized_expression)]
      property: (property_identifier) @_bind))
  (#eq? @_bind "bind")) @function
((assignment_expression
  left: (member_expression property: (property_identifier) @name)
  right: (call_expression
    function: [(identifier) @_wrap (member_expression property: (property_identifier) @_wrap)]
    arguments: (arguments . [(arrow_function) (function_expression)]))) @function
  (#not-match? @_wrap "^(setTimeout|setInterval|setImmediate|requestAnimationFrame|then|catch|map|flatMap|filter|reduce|find|findIndex|some|every|forEach|sort|replace|Promise)$"))
((pair
  key: [(property_identifier) (string)] @name
  value: (call_expression
    function: [(identifier) @_wrap (member_expression property: (property_identifier) @_wrap)]
    arguments: (arguments . [(arrow_function) (function_expression)]))) @method
  (#not-match? @_wrap "^(setTimeout|setInterval|setImmediate|requestAnimationFrame|then|catch|map|flatMap|filter|reduce|find|findIndex|some|every|forEach|sort|replace|Promise)$"))

; use(function name() {}), return function name() {}, and whatever else holds one
(function_expression name: (_) @name) @function
(generator_function name: (_) @name) @function
(class name: (_) @name) @class

(program (lexical_declaration kind: "const"
  (variable_declarator name: (identifier) @name) @constant))
(program (export_statement (lexical_declaration kind: "const"
  (variable_declarator name: (identifier) @name) @constant)))
