import { intervalOf, line, reasonFrom, type Language } from './words.ts';

const DECLINES: Record<string, string> = {
  insufficient_funds: 'Votre banque indique que la provision est insuffisante.',
  expired_card: 'La carte a expiré.',
  lost_card: 'Votre banque a refusé la carte.',
  stolen_card: 'Votre banque a refusé la carte.',
  authentication_required: 'Votre banque vous demande de confirmer le paiement.',
};

const INTERVALS: Record<string, [one: string, many: string]> = {
  day: ['jour', 'jours'],
  week: ['semaine', 'semaines'],
  month: ['mois', 'mois'],
  year: ['an', 'ans'],
};

function every(words: string): string {
  const { count, one, many } = intervalOf(words, INTERVALS);
  const all = one === 'semaine' ? 'toutes' : 'tous';
  return count === '1' ? `par ${one}` : `${all} les ${count} ${many}`;
}

const reason = reasonFrom(DECLINES, 'Votre banque a refusé le paiement.');

const due = (amount: string | null): string => amount ?? 'le montant dû';

/** The mails in French. */
export const fr: Language = {
  noPlan: line`votre abonnement`,
  questions: (address) => line`Des questions ? Écrivez à ${address}.`,
  mails: {
    'mail.trial_ending'({ date, amount, free, saved }, { plan, account }) {
      const when = date === null ? 'bientôt' : `le ${date}`;
      const stay =
        amount === null
          ? line`Pour continuer, vous n’avez rien à faire si un moyen de paiement est enregistré.`
          : free
            ? line`Rien ne sera prélevé ce jour-là.`
            : saved
              ? line`Pour continuer, vous n’avez rien à faire : nous prélèverons ${amount} sur votre moyen de paiement enregistré.`
              : line`Pour continuer, enregistrez un moyen de paiement avant cette date. ${amount} seront alors dus.`;
      return {
        subject: line`Votre essai se termine ${when} (${plan})`,
        lines: [
          line`Votre essai de ${plan} se termine ${when}.`,
          stay,
          line`Si vous résiliez avant cette date, rien ne sera prélevé.`,
        ],
        links: [{ text: line`Votre abonnement`, url: account }],
      };
    },
    'mail.payment_failed': ({ amount, url, next, decline }, { plan, account }) => ({
      subject: line`Votre paiement n’a pas abouti (${plan})`,
      lines: [
        line`Nous n’avons pas pu prélever ${due(amount)} pour ${plan}.`,
        reason(decline),
        next === null ? null : line`Nous réessaierons le ${next}.`,
        line`Veuillez vérifier votre moyen de paiement, ou payer maintenant.`,
      ],
      links: [
        url === null ? null : { text: line`Payer maintenant`, url },
        { text: line`Votre moyen de paiement`, url: account },
      ],
    }),
    'mail.payment_failed_final': ({ amount, url, decline }, { plan, account }) => ({
      subject: line`Dernier avis : votre paiement n’a pas abouti (${plan})`,
      lines: [
        line`Nous avons essayé plusieurs fois, sans succès, de prélever ${due(amount)} pour ${plan}.`,
        reason(decline),
        line`Nous n’essaierons plus, et votre abonnement prendra fin si la facture n’est pas payée.`,
      ],
      links: [{ text: line`Payer maintenant`, url: url ?? account }],
    }),
    'mail.action_required': ({ amount, url }, { plan, account }) => ({
      subject: line`Veuillez confirmer votre paiement (${plan})`,
      lines: [
        line`Votre banque vous demande de confirmer le paiement pour ${plan} : ${due(amount)}.`,
        line`Cela prend une minute.`,
      ],
      links: [{ text: line`Confirmer le paiement`, url: url ?? account }],
    }),
    'mail.receipt': ({ amount, number, url, pdf }, { plan }) => ({
      subject: amount === null ? line`Votre reçu` : line`Reçu de ${amount}`,
      lines: [
        line`Merci. Nous avons reçu ${amount ?? 'votre paiement'} pour ${plan}.`,
        number === null ? null : line`Facture ${number}`,
      ],
      links: [
        url === null ? null : { text: line`Voir la facture`, url },
        pdf === null ? null : { text: line`Télécharger le PDF`, url: pdf },
      ],
    }),
    'mail.price_change'({ date, price, interval, byUsage }, { plan, account }) {
      const from = date === null ? 'À votre prochain renouvellement' : `À partir du ${date}`;
      const words =
        price !== null && interval !== null
          ? line`${from}, le prix de ${plan} sera de ${price} ${every(interval)}.`
          : line`${from}, le prix de ${plan} change.`;
      return {
        subject:
          date === null
            ? line`Le prix de ${plan} change`
            : line`Le prix de ${plan} change le ${date}`,
        lines: [
          byUsage ? line`${from}, vous payez ${plan} selon votre usage.` : words,
          line`Vous n’avez rien à faire. Vous pouvez résilier avant cette date.`,
        ],
        links: [{ text: line`Votre abonnement`, url: account }],
      };
    },
    'mail.trial_refused': (_facts, { plan, account }) => ({
      subject: line`Pas de deuxième essai (${plan})`,
      lines: [
        line`La carte donnée pour votre essai de ${plan} a déjà servi à un essai ; celui-ci a donc pris fin. Rien n’a été prélevé.`,
        line`Vous pouvez vous abonner sans essai.`,
      ],
      links: [{ text: line`Choisir une formule`, url: account }],
    }),
    'mail.refunded': ({ amount }, { plan, account }) => ({
      subject: amount === null ? line`Votre remboursement` : line`Votre remboursement de ${amount}`,
      lines: [
        line`Nous avons remboursé ${amount ?? 'votre paiement'} pour ${plan}. Votre banque peut mettre quelques jours à l’afficher.`,
      ],
      links: [{ text: line`Vos factures`, url: account }],
    }),
    'mail.canceled': ({ date }, { plan, account }) => ({
      subject: line`Votre abonnement a pris fin (${plan})`,
      lines: [
        date === null
          ? line`Votre abonnement a pris fin : ${plan}.`
          : line`Votre abonnement a pris fin le ${date} : ${plan}.`,
        line`Vous pouvez revenir à tout moment.`,
      ],
      links: [{ text: line`Revenir`, url: account }],
    }),
    'mail.cancel_scheduled': ({ date }, { plan, account }) => ({
      subject:
        date === null
          ? line`Votre résiliation (${plan})`
          : line`Votre abonnement prend fin le ${date} (${plan})`,
      lines: [
        line`Vous avez résilié ${plan}. Vous gardez votre accès jusqu’${date === null ? 'à la fin de la période' : `au ${date}`}, et rien n’est prélevé pour la suite.`,
        line`D’ici là, vous pouvez changer d’avis.`,
      ],
      links: [{ text: line`Garder mon abonnement`, url: account }],
    }),
    'mail.plan_changed': ({ amount, date, seats }, { plan, account }) => ({
      subject: line`Votre formule est maintenant ${plan}`,
      lines: [
        seats === null
          ? line`Votre formule est maintenant ${plan}.`
          : line`Votre formule est maintenant ${plan}, avec ${seats} places.`,
        amount === null || date === null
          ? null
          : line`Votre prochaine facture est due le ${date} : ${amount}.`,
      ],
      links: [{ text: line`Votre abonnement`, url: account }],
    }),
    'mail.renewal_notice': ({ date, amount }, { plan, account }) => ({
      subject:
        date === null
          ? line`Votre abonnement sera bientôt renouvelé (${plan})`
          : line`Votre abonnement sera renouvelé le ${date} (${plan})`,
      lines: [
        line`Votre abonnement sera renouvelé ${date === null ? 'bientôt' : `le ${date}`} pour un an : ${plan}.`,
        amount === null
          ? null
          : line`Nous prélèverons ${amount} sur votre moyen de paiement enregistré.`,
        line`Vous pouvez résilier avant cette date.`,
      ],
      links: [{ text: line`Votre abonnement`, url: account }],
    }),
    'mail.card_expiring': ({ last4, expires, date }, { plan, account }) => ({
      subject:
        last4 === null
          ? line`Votre carte expire bientôt`
          : line`Votre carte se terminant par ${last4} expire bientôt`,
      lines: [
        line`La carte qui paie ${plan} expire ${expires === null ? 'bientôt' : `fin ${expires}`}${date === null ? '' : `, avant votre prochain paiement le ${date}`}.`,
        line`Veuillez en enregistrer une autre pour que votre abonnement continue.`,
      ],
      links: [{ text: line`Votre moyen de paiement`, url: account }],
    }),
    'mail.usage_threshold'({ meter, used, threshold, date, capped }, { plan, account }) {
      const what = meter === null ? '' : ` de ${meter}`;
      const end = date === null ? 'la fin de la période' : `le ${date}`;
      return {
        subject: capped
          ? line`Votre consommation${what} a atteint le maximum de ${plan}`
          : line`Votre consommation${what} a atteint ${threshold ?? 'un seuil'}`,
        lines: [
          line`Consommation${what} avec ${plan} pour cette période : ${used ?? threshold ?? 'ce qui devait être signalé'}.`,
          capped ? line`Il n’est pas possible d’en utiliser plus avant ${end}.` : null,
        ],
        links: [{ text: line`Votre consommation`, url: account }],
      };
    },
  },
};
