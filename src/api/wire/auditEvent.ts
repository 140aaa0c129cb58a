/** Strongroom.Identity/auditEvents. */
export interface AuditEventResource {
  readonly id: string;
  /** Its number in the chain. */
  readonly name: string;
  readonly type: string;
  readonly properties: {
    readonly seq: number;
    readonly time: string;
    readonly caller: string;
    readonly callerName: string;
    readonly action: string;
    readonly resourceId: string;
    readonly status: string;
    readonly category: string;
    readonly httpStatus?: number;
    readonly errorCode?: string;
    readonly hash: string;
  };
}

export interface AuditVerdict {
  readonly isWhole: boolean;
  readonly events: number;
  readonly first: number;
  readonly head: { readonly seq: number; readonly hash: string };
  readonly faults: readonly { readonly seq: number; readonly why: string }[];
  readonly comparedWith: number;
}
