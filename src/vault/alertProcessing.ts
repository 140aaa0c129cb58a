import { type Alert, alertTitle, MONITOR_SERVICE } from './alert.ts';
import { isOnSchedule, type RuleSchedule } from './ruleSchedule.ts';

/** An alert processing rule: who is told of which alerts, or that nobody is. */
export interface ProcessingRule {
  readonly name: string;
  /** ARM ids of subscriptions, groups or vaults. */
  readonly scopes: readonly string[];
  readonly conditions: readonly RuleCondition[];
  readonly schedule?: RuleSchedule;
  readonly actions: readonly RuleAction[];
  readonly enabled: boolean;
}

export const RULE_FIELDS = [
  'Severity',
  'MonitorService',
  'MonitorCondition',
  'SignalType',
  'TargetResource',
  'TargetResourceGroup',
  'TargetResourceType',
  'AlertRuleId',
  'AlertRuleName',
  'Description',
  'AlertContext',
] as const;
export type RuleField = (typeof RULE_FIELDS)[number];
export const RULE_OPERATORS = ['Equals', 'NotEquals', 'Contains', 'DoesNotContain'] as const;

export interface RuleCondition {
  readonly field: RuleField;
  readonly operator: (typeof RULE_OPERATORS)[number];
  readonly values: readonly string[];
}

export type RuleAction =
  | { readonly actionType: 'AddActionGroups'; readonly actionGroupIds: readonly string[] }
  | { readonly actionType: 'RemoveAllActionGroups' };

export interface Routing {
  /** ARM ids of action groups, each once. */
  readonly actionGroups: readonly string[];
  /** Name of the rule that silences it; then there are no groups. */
  readonly suppressedBy?: string;
}

/** Who is told of an alert as it stands at `now`: the groups of all rules that match it, unless one silences it. */
export const routeAlert = (alert: Alert, rules: readonly ProcessingRule[], now: number): Routing => {
  const matching = rules.filter((rule) => appliesTo(rule, alert, now));
  const silencing = matching.find(({ actions }) =>
    actions.some(({ actionType }) => actionType === 'RemoveAllActionGroups'),
  );
  if (silencing) return { actionGroups: [], suppressedBy: silencing.name };
  const groups = matching.flatMap(({ actions }) =>
    actions.flatMap((action) => (action.actionType === 'AddActionGroups' ? action.actionGroupIds : [])),
  );
  return { actionGroups: [...new Map(groups.map((id) => [id.toLowerCase(), id])).values()] };
};

const appliesTo = (rule: ProcessingRule, alert: Alert, now: number): boolean =>
  rule.enabled &&
  rule.scopes.some((scope) => isWithin(alert.target, scope)) &&
  rule.conditions.every((condition) => satisfies(condition, alert)) &&
  (rule.schedule === undefined || isOnSchedule(rule.schedule, now));

const isWithin = (id: string, scope: string): boolean => {
  const [inner, outer] = [id.toLowerCase(), scope.toLowerCase().replace(/\/+$/, '')];
  return inner === outer || inner.startsWith(`${outer}/`);
};

const satisfies = ({ field, operator, values }: RuleCondition, alert: Alert): boolean => {
  const actual = alertField(alert, field).toLowerCase();
  const wanted = values.map((value) => value.toLowerCase());
  switch (operator) {
    case 'Equals':
      return wanted.includes(actual);
    case 'NotEquals':
      return !wanted.includes(actual);
    case 'Contains':
      return wanted.some((value) => actual.includes(value));
    case 'DoesNotContain':
      return !wanted.some((value) => actual.includes(value));
  }
};

const alertField = (alert: Alert, field: RuleField): string => {
  switch (field) {
    case 'Severity':
      return alert.severity;
    case 'MonitorService':
      return MONITOR_SERVICE;
    case 'MonitorCondition':
      return alert.condition;
    case 'SignalType':
      return 'Log';
    case 'TargetResource':
      return alert.target;
    case 'TargetResourceGroup':
      return alert.target.split('/providers/')[0] ?? '';
    case 'TargetResourceType':
      return 'Microsoft.RecoveryServices/vaults';
    case 'AlertRuleId':
    case 'AlertRuleName':
      return alertTitle(alert.kind);
    case 'Description':
      return alert.description;
    case 'AlertContext':
      return JSON.stringify(alert);
  }
};
