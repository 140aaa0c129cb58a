/** An Azure role definition: what it grants less what it holds back. `notActions` is no denial: another role may grant it. */
export interface RoleDefinition {
  /** UUID, lower case; Azure's own for the built-in roles. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** Patterns: `*` stands for anything, slashes too. */
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  /** Where it may be given, and below; absent for the built-in roles: everywhere. */
  readonly assignableScopes?: readonly string[];
}
