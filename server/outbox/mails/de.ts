import { intervalOf, line, reasonFrom, type Language } from './words.ts';

const DECLINES: Record<string, string> = {
  insufficient_funds: 'Ihre Bank meldet, dass das Konto nicht gedeckt ist.',
  expired_card: 'Die Karte ist abgelaufen.',
  lost_card: 'Ihre Bank hat die Karte abgelehnt.',
  stolen_card: 'Ihre Bank hat die Karte abgelehnt.',
  authentication_required: 'Ihre Bank bittet Sie, die Zahlung zu bestätigen.',
};

const INTERVALS: Record<string, [one: string, many: string]> = {
  day: ['Tag', 'Tage'],
  week: ['Woche', 'Wochen'],
  month: ['Monat', 'Monate'],
  year: ['Jahr', 'Jahre'],
};

function every(words: string): string {
  const { count, one, many } = intervalOf(words, INTERVALS);
  return count === '1' ? `je ${one}` : `alle ${count} ${many}`;
}

const reason = reasonFrom(DECLINES, 'Ihre Bank hat die Zahlung abgelehnt.');

const due = (amount: string | null): string => amount ?? 'den fälligen Betrag';

/** The mails in German. */
export const de: Language = {
  noPlan: line`Ihr Abonnement`,
  questions: (address) => line`Fragen? Schreiben Sie an ${address}.`,
  mails: {
    'mail.trial_ending'({ date, amount, free, saved }, { plan, account }) {
      const when = date === null ? 'bald' : `am ${date}`;
      const stay =
        amount === null
          ? line`Wenn eine Zahlungsart gespeichert ist, brauchen Sie nichts zu tun, um zu bleiben.`
          : free
            ? line`An diesem Tag wird nichts abgebucht.`
            : saved
              ? line`Um zu bleiben, brauchen Sie nichts zu tun: Wir buchen dann ${amount} von Ihrer gespeicherten Zahlungsart ab.`
              : line`Um zu bleiben, speichern Sie bitte vorher eine Zahlungsart. Dann sind ${amount} fällig.`;
      return {
        subject: line`Ihr Probezeitraum endet ${when} (${plan})`,
        lines: [
          line`Ihr Probezeitraum für ${plan} endet ${when}.`,
          stay,
          line`Wenn Sie vorher kündigen, wird nichts abgebucht.`,
        ],
        links: [{ text: line`Zu Ihrem Abonnement`, url: account }],
      };
    },
    'mail.payment_failed': ({ amount, url, next, decline }, { plan, account }) => ({
      subject: line`Ihre Zahlung ist fehlgeschlagen (${plan})`,
      lines: [
        line`Wir konnten ${due(amount)} für ${plan} nicht einziehen.`,
        reason(decline),
        next === null ? null : line`Wir versuchen es am ${next} noch einmal.`,
        line`Bitte prüfen Sie Ihre Zahlungsart, oder zahlen Sie jetzt.`,
      ],
      links: [
        url === null ? null : { text: line`Jetzt zahlen`, url },
        { text: line`Zu Ihrer Zahlungsart`, url: account },
      ],
    }),
    'mail.payment_failed_final': ({ amount, url, decline }, { plan, account }) => ({
      subject: line`Letzte Mahnung: Ihre Zahlung ist fehlgeschlagen (${plan})`,
      lines: [
        line`Wir haben mehrmals vergeblich versucht, ${due(amount)} für ${plan} einzuziehen.`,
        reason(decline),
        line`Wir versuchen es nicht noch einmal. Ihr Abonnement endet, wenn die Rechnung nicht bezahlt wird.`,
      ],
      links: [{ text: line`Jetzt zahlen`, url: url ?? account }],
    }),
    'mail.action_required': ({ amount, url }, { plan, account }) => ({
      subject: line`Bitte bestätigen Sie Ihre Zahlung (${plan})`,
      lines: [
        line`Ihre Bank bittet Sie, die Zahlung für ${plan} zu bestätigen: ${due(amount)}.`,
        line`Es dauert eine Minute.`,
      ],
      links: [{ text: line`Zahlung bestätigen`, url: url ?? account }],
    }),
    'mail.receipt': ({ amount, number, url, pdf }, { plan }) => ({
      subject: amount === null ? line`Ihr Zahlungsbeleg` : line`Zahlungsbeleg über ${amount}`,
      lines: [
        line`Vielen Dank. Wir haben ${amount ?? 'Ihre Zahlung'} für ${plan} erhalten.`,
        number === null ? null : line`Rechnung ${number}`,
      ],
      links: [
        url === null ? null : { text: line`Rechnung ansehen`, url },
        pdf === null ? null : { text: line`Als PDF herunterladen`, url: pdf },
      ],
    }),
    'mail.price_change'({ date, price, interval, byUsage }, { plan, account }) {
      const from = date === null ? 'Mit der nächsten Verlängerung' : `Ab dem ${date}`;
      const words =
        price !== null && interval !== null
          ? line`${from} kostet ${plan} ${price} ${every(interval)}.`
          : line`${from} hat ${plan} einen anderen Preis.`;
      return {
        subject:
          date === null
            ? line`Der Preis von ${plan} ändert sich`
            : line`Der Preis von ${plan} ändert sich am ${date}`,
        lines: [
          byUsage ? line`${from} zahlen Sie für ${plan} nach Verbrauch.` : words,
          line`Sie brauchen nichts zu tun. Sie können vorher kündigen.`,
        ],
        links: [{ text: line`Zu Ihrem Abonnement`, url: account }],
      };
    },
    'mail.trial_refused': (_facts, { plan, account }) => ({
      subject: line`Kein zweiter Probezeitraum (${plan})`,
      lines: [
        line`Mit Ihrer Karte gab es schon einen Probezeitraum. Deshalb ist dieser für ${plan} beendet. Es wurde nichts abgebucht.`,
        line`Sie können ohne Probezeitraum abonnieren.`,
      ],
      links: [{ text: line`Tarif wählen`, url: account }],
    }),
    'mail.refunded': ({ amount }, { plan, account }) => ({
      subject: amount === null ? line`Ihre Erstattung` : line`Ihre Erstattung über ${amount}`,
      lines: [
        line`Wir haben ${amount ?? 'Ihre Zahlung'} für ${plan} erstattet. Bei Ihrer Bank kann es einige Tage dauern.`,
      ],
      links: [{ text: line`Zu Ihren Rechnungen`, url: account }],
    }),
    'mail.canceled': ({ date }, { plan, account }) => ({
      subject: line`Ihr Abonnement ist beendet (${plan})`,
      lines: [
        date === null
          ? line`Ihr Abonnement ist beendet: ${plan}.`
          : line`Ihr Abonnement endete am ${date}: ${plan}.`,
        line`Sie können jederzeit zurückkommen.`,
      ],
      links: [{ text: line`Wieder abonnieren`, url: account }],
    }),
    'mail.cancel_scheduled': ({ date }, { plan, account }) => ({
      subject:
        date === null
          ? line`Ihre Kündigung (${plan})`
          : line`Ihr Abonnement endet am ${date} (${plan})`,
      lines: [
        line`Sie haben ${plan} gekündigt. Ihr Zugang bleibt bis ${date === null ? 'zum Ende des Zeitraums' : `zum ${date}`} bestehen, und für die Zeit danach wird nichts abgebucht.`,
        line`Bis dahin können Sie es sich anders überlegen.`,
      ],
      links: [{ text: line`Abonnement behalten`, url: account }],
    }),
    'mail.plan_changed': ({ amount, date, seats }, { plan, account }) => ({
      subject: line`Ihr Tarif ist jetzt ${plan}`,
      lines: [
        seats === null
          ? line`Ihr Tarif ist jetzt ${plan}.`
          : line`Ihr Tarif ist jetzt ${plan}, mit ${seats} Plätzen.`,
        amount === null || date === null
          ? null
          : line`Ihre nächste Rechnung ist am ${date} fällig: ${amount}.`,
      ],
      links: [{ text: line`Zu Ihrem Abonnement`, url: account }],
    }),
    'mail.renewal_notice': ({ date, amount }, { plan, account }) => ({
      subject:
        date === null
          ? line`Ihr Abonnement verlängert sich bald (${plan})`
          : line`Ihr Abonnement verlängert sich am ${date} (${plan})`,
      lines: [
        line`Ihr Abonnement verlängert sich ${date === null ? 'bald' : `am ${date}`} um ein Jahr: ${plan}.`,
        amount === null
          ? null
          : line`Wir buchen dann ${amount} von Ihrer gespeicherten Zahlungsart ab.`,
        line`Sie können vorher kündigen.`,
      ],
      links: [{ text: line`Zu Ihrem Abonnement`, url: account }],
    }),
    'mail.card_expiring': ({ last4, expires, date }, { plan, account }) => ({
      subject:
        last4 === null
          ? line`Ihre Karte läuft bald ab`
          : line`Ihre Karte mit den Endziffern ${last4} läuft bald ab`,
      lines: [
        line`Die Karte, mit der Sie ${plan} bezahlen, läuft ${expires === null ? 'bald' : `Ende ${expires}`} ab${date === null ? '' : `, vor Ihrer nächsten Zahlung am ${date}`}.`,
        line`Bitte speichern Sie eine andere, damit Ihr Abonnement weitergeht.`,
      ],
      links: [{ text: line`Zu Ihrer Zahlungsart`, url: account }],
    }),
    'mail.usage_threshold'({ meter, used, threshold, date, capped }, { plan, account }) {
      const what = meter === null ? '' : ` von ${meter}`;
      const end = date === null ? 'zum Ende des Zeitraums' : `zum ${date}`;
      return {
        subject: capped
          ? line`Ihr Verbrauch${what} hat das Höchste erreicht, das ${plan} erlaubt`
          : line`Ihr Verbrauch${what} hat ${threshold ?? 'einen Schwellenwert'} erreicht`,
        lines: [
          line`Verbrauch${what} mit ${plan} in diesem Zeitraum: ${used ?? threshold ?? 'so viel, wie zu melden war'}.`,
          capped ? line`Mehr ist bis ${end} nicht möglich.` : null,
        ],
        links: [{ text: line`Zu Ihrem Verbrauch`, url: account }],
      };
    },
  },
};
